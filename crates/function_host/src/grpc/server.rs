//! Listens, serves, and ends.

use std::future::Future;
use std::io::{self, Write};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tonic::server::NamedService;
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, health_reporter};

use super::address::Address;
use super::admission::Admission;
use super::connections;
use super::proto;
use super::proto::faas::executor_server::ExecutorServer;
use super::proto::helloworld::greeter_server::GreeterServer;
use super::router::Router;
use super::services::Services;

/// The largest request in bytes: Lambda's 6 MiB for the event, and some for what surrounds it.
const MAX_REQUEST: usize = (6 << 20) + (64 << 10);
/// The largest request for health and reflection, in bytes.
const MAX_QUESTION: usize = 64 << 10;
/// Reflection has two versions, which differ by name alone.
const REFLECTION_V1: &str = tonic_reflection::pb::v1::server_reflection_server::SERVICE_NAME;
const REFLECTION_V1ALPHA: &str = tonic_reflection::pb::v1alpha::server_reflection_server::SERVICE_NAME;
/// How long calls may take after a signal to end.
const MAX_DRAIN: Duration = Duration::from_secs(10);

/// The signals that end the process.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Catches the signals from now on, within the async runtime.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(crate) fn catch() -> io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(mut self) {
        select(Box::pin(self.terminate.recv()), Box::pin(self.interrupt.recv())).await;
    }
}

/// Listens, says where, and serves until a signal comes and all calls have ended, or do not end.
///
/// Nothing here is generic, so that the server is compiled once, in this crate, and for size; see `Cargo.toml`.
///
/// # Errors
/// A message for the log.
pub(crate) async fn serve(
    address: &Address,
    signals: Signals,
    services: Box<dyn FnOnce() -> Services>,
) -> Result<(), String> {
    let (health, health_server) = health_reporter();
    set_status(&health, ServingStatus::Serving).await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET)
        .build_v1()
        .map_err(|error| format!("cannot describe the services: {error}"))?;
    // Last, since a platform takes an open port for a function that is ready.
    let listener = listen(address)?;
    let services = services();
    let greeter = GreeterServer::new(services.clone()).max_decoding_message_size(MAX_REQUEST);
    let executor = ExecutorServer::new(services).max_decoding_message_size(MAX_REQUEST);
    let admission = Arc::new(Admission::default());
    let router = Router::default()
        .add_admitted(greeter, &admission)
        .add_admitted(executor, &admission)
        .add(health_server.max_decoding_message_size(MAX_QUESTION))
        .add(reflection.max_decoding_message_size(MAX_QUESTION))
        .add_alias(REFLECTION_V1ALPHA, REFLECTION_V1);

    let (stopping, stopped) = oneshot::channel();
    let signal = Box::pin(async {
        signals.next().await;
        stop(health).await;
        // Without a receiver, the server has ended.
        let _ = stopping.send(());
    });
    within_bounds(connections::serve(listener, router, signal), stopped).await;
    Ok(())
}

fn listen(address: &Address) -> Result<TcpListener, String> {
    let listener = address.listen()?;
    let failed = |error| format!("cannot listen: {error}");
    let listener = TcpListener::from_std(listener).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    // Nobody may be reading it.
    let _ = writeln!(io::stdout(), "listening on {address}");
    Ok(listener)
}

/// Waits for the server's end, but not for long after it was told to stop.
async fn within_bounds(server: impl Future<Output = ()>, stopped: oneshot::Receiver<()>) {
    let deadline = async {
        let _ = stopped.await;
        tokio::time::sleep(MAX_DRAIN).await;
    };
    if let Either::Right(_) = select(pin!(server), pin!(deadline)).await {
        tracing::warn!("calls that have not ended within {} s are given up", MAX_DRAIN.as_secs());
    }
}

async fn set_status(health: &HealthReporter, status: ServingStatus) {
    for name in NAMES {
        health.set_service_status(name, status).await;
    }
}

/// The whole server, and each service that has a health.
const NAMES: [&str; 3] = ["", GreeterServer::<Services>::NAME, ExecutorServer::<Services>::NAME];

/// Tells those who watch the health that it is over, and ends their calls.
async fn stop(mut health: HealthReporter) {
    set_status(&health, ServingStatus::NotServing).await;
    for name in NAMES {
        health.clear_service_status(name).await;
    }
}
