//! Listens, serves, and ends.

use std::future::Future;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use futures_util::future::{Either, select};
use futures_util::stream::unfold;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tonic::server::NamedService;
use tonic::transport::Server;
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, health_reporter};

use super::address::Address;
use super::admission::{Admission, Admitted};
use super::proto;
use super::proto::faas::executor_server::ExecutorServer;
use super::proto::helloworld::greeter_server::GreeterServer;
use super::services::Services;

/// The largest request in bytes: Lambda's 6 MiB for the event, and some for what surrounds it.
const MAX_REQUEST: usize = (6 << 20) + (64 << 10);
/// The largest request for health and reflection, in bytes.
const MAX_QUESTION: usize = 64 << 10;
/// Calls on one connection. More than are admitted, so that a client is told of the limit.
const MAX_STREAMS: u32 = 2048;
/// The headers of one call together, in bytes.
const MAX_HEADERS: u32 = 16 << 10;
/// The windows of HTTP/2 in bytes: how much of a request is on its way without an acknowledgement.
const WINDOW: u32 = 1 << 20;
/// How long a connection is idle before the kernel asks whether the client is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// How long calls may take after a signal to end.
const MAX_DRAIN: Duration = Duration::from_secs(10);
/// The pause after a connection that cannot be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET)
    };
    let broken = |error| format!("cannot describe the services: {error}");
    let reflection_v1 = reflection().build_v1().map_err(broken)?;
    let reflection_v1alpha = reflection().build_v1alpha().map_err(broken)?;
    // Last, since a platform takes an open port for a function that is ready.
    let listener = listen(address)?;
    let services = services();
    let greeter = GreeterServer::new(services.clone()).max_decoding_message_size(MAX_REQUEST);
    let executor = ExecutorServer::new(services).max_decoding_message_size(MAX_REQUEST);
    let admission = Arc::new(Admission::default());
    let router = Server::builder()
        .initial_connection_window_size(WINDOW)
        .initial_stream_window_size(WINDOW)
        .max_concurrent_streams(MAX_STREAMS)
        .http2_max_header_list_size(MAX_HEADERS)
        .add_service(Admitted::new(greeter, &admission))
        .add_service(Admitted::new(executor, &admission))
        .add_service(health_server.max_decoding_message_size(MAX_QUESTION))
        .add_service(reflection_v1.max_decoding_message_size(MAX_QUESTION))
        .add_service(reflection_v1alpha.max_decoding_message_size(MAX_QUESTION));

    let (stopping, stopped) = oneshot::channel();
    let signal = async {
        signals.next().await;
        stop(health).await;
        // Without a receiver, the server has ended.
        let _ = stopping.send(());
    };
    let server = router.serve_with_incoming_shutdown(connections(listener), signal);
    within_bounds(server, stopped).await
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
async fn within_bounds(
    server: impl Future<Output = Result<(), tonic::transport::Error>>,
    stopped: oneshot::Receiver<()>,
) -> Result<(), String> {
    let deadline = async {
        let _ = stopped.await;
        tokio::time::sleep(MAX_DRAIN).await;
    };
    match select(Box::pin(server), Box::pin(deadline)).await {
        Either::Left((ended, _)) => ended.map_err(|error| format!("the server failed: {error}")),
        Either::Right(((), _)) => {
            tracing::warn!("calls that have not ended within {} s are given up", MAX_DRAIN.as_secs());
            Ok(())
        }
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

fn connections(listener: TcpListener) -> impl Stream<Item = io::Result<TcpStream>> {
    unfold(listener, |listener| async {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    prepare(&stream);
                    return Some((Ok(stream), listener));
                }
                // Too few file descriptors, for example: the connection waits until there are some again.
                Err(error) => {
                    tracing::warn!("cannot accept a connection: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    })
}

/// Settings without which a connection still works.
fn prepare(stream: &TcpStream) {
    let keepalive = socket2::TcpKeepalive::new().with_time(KEEPALIVE);
    let set = stream.set_nodelay(true);
    if let Err(error) = set.and_then(|()| socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive)) {
        tracing::debug!("cannot set options of a connection: {error}");
    }
}
