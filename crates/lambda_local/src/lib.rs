//! AWS Lambda on this machine: the Invoke API for clients, the Runtime API for functions, and the execution
//! environments between the two.
//!
//! Every environment is a process or a container that serves one request at a time. A request that finds no idle environment
//! starts one; idle environments are ended after a while; an environment that timed out or exited is replaced.
//!
//! A container has the memory of its function, the share of the CPUs that Lambda gives with it (in periods of 100 ms,
//! the kernel's default), a root that cannot be written but for `/tmp`, a user of its own, and a network on which it
//! finds its Runtime API. What of this machine listens on all addresses can be reached there too; nothing else can.
//! What is written to `/tmp` counts as memory. Four containers are brought up or removed at a time.
//!
//! What a container prints comes by way of Docker: some milliseconds late, perhaps with the next log, and standard
//! error not always in order with standard output. That a container has exited is known some 100 ms late. A container is
//! let in once Docker has told its address, so its `Init Duration` is never less than that takes: some milliseconds.
//!
//! - [`Config`] says what is served; [`LocalLambda`] serves it until told to stop.
//! - `invoke_api` and `runtime_api` are the two route tables; `service` gives requests to environments;
//!   `pool` decides to which; `environment` runs one of them; `report` words Lambda's log lines.

mod body;
mod config;
mod environment;
mod events;
mod function_ref;
mod invocation;
mod invoke_api;
mod pool;
mod report;
mod runtime_api;
mod service;
mod service_error;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use crate::config::{Config, FunctionConfig, Program};
pub use crate::environment::{DockerError, PrepareError, REAP_FLAG, reap};

use crate::service::Service;

/// How long clients have to take their answers and go, once the server stops.
const CLIENT_GRACE: Duration = Duration::from_secs(1);
/// How long the environments have to end after that, which Docker may draw out.
const ENVIRONMENT_GRACE: Duration = Duration::from_secs(30);

/// Whether Lambda would take `name` as the name of a function: 1 to 64 letters, digits, `-` and `_`.
pub fn is_function_name(name: &str) -> bool {
    function_ref::is_name(name)
}

/// A local Lambda that has all it needs to serve.
#[derive(Debug)]
pub struct LocalLambda(Arc<Service>);

impl LocalLambda {
    /// Makes ready what the functions need. If some of them are images, that is Docker: the images' ids are looked up,
    /// a network is made, and what servers that died have left behind is removed.
    ///
    /// # Errors
    /// If processes cannot be started, or Docker or an image cannot be used.
    pub async fn prepare(config: Config) -> Result<Self, PrepareError> {
        Ok(Self(Arc::new(Service::new(config).await?)))
    }

    /// The name of each function that is an image, and the id of that image.
    pub fn images(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.config().functions.iter().filter_map(|function| {
            let image = self.0.launcher().image(function.image()?)?;
            Some((function.name.as_str(), image.id.as_str()))
        })
    }

    /// Serves the Invoke API on `listener` until `shutdown` is ready; then ends all environments and returns. If Docker
    /// does not remove the containers in time, that is logged, and [`Config::reaper`] goes on.
    ///
    /// Requests under way at that moment are answered with `ServiceException`. If the process dies instead, the kernel
    /// ends the environments' processes, and [`Config::reaper`] removes their containers.
    ///
    /// # Errors
    /// If the listener fails.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let Self(service) = self;
        let stopping = service.stopping().clone();
        let stop = {
            let stopping = stopping.clone();
            async move {
                shutdown.await;
                stopping.cancel();
            }
        };
        let server =
            axum::serve(listener, invoke_api::routes(Arc::clone(&service))).with_graceful_shutdown(stop);
        let served = tokio::select! {
            served = server => served,
            () = grace_is_over(&stopping) => Ok(()),
        };
        stopping.cancel();
        service.tasks().close();
        let ended = tokio::time::timeout(ENVIRONMENT_GRACE, service.tasks().wait()).await.is_ok();
        if !ended {
            tracing::warn!("some environments have not ended within {ENVIRONMENT_GRACE:?}");
        }
        service.launcher().finish(ended).await;
        served
    }
}

async fn grace_is_over(stopping: &CancellationToken) {
    stopping.cancelled().await;
    tokio::time::sleep(CLIENT_GRACE).await;
}
