//! AWS Lambda on this machine: the Invoke API for clients, the Runtime API for functions, and the execution
//! environments between the two.
//!
//! Every environment is a process that serves one request at a time. A request that finds no idle environment
//! starts one; idle environments are ended after a while; an environment that timed out or exited is replaced.
//!
//! - [`Config`] says what is served; [`serve`] serves it until told to stop.
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

pub use crate::config::{Config, FunctionConfig};

use crate::service::Service;

/// How long clients have to take their answers and go, once the server stops.
const CLIENT_GRACE: Duration = Duration::from_secs(1);

/// Whether Lambda would take `name` as the name of a function: 1 to 64 letters, digits, `-` and `_`.
pub fn is_function_name(name: &str) -> bool {
    function_ref::is_name(name)
}

/// Serves the Invoke API on `listener` until `shutdown` is ready; then ends all environments and returns.
///
/// Requests under way at that moment are answered with `ServiceException`. If the process dies instead, the kernel
/// ends the environments' processes.
///
/// # Errors
/// If the thread that starts processes cannot be started, or the listener fails.
pub async fn serve(
    listener: TcpListener,
    config: Config,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let service = Arc::new(Service::new(config)?);
    let stopping = service.stopping().clone();
    let stop = {
        let stopping = stopping.clone();
        async move {
            shutdown.await;
            stopping.cancel();
        }
    };
    let server = axum::serve(listener, invoke_api::routes(Arc::clone(&service))).with_graceful_shutdown(stop);
    let served = tokio::select! {
        served = server => served,
        () = grace_is_over(&stopping) => Ok(()),
    };
    stopping.cancel();
    service.tasks().close();
    service.tasks().wait().await;
    served
}

async fn grace_is_over(stopping: &CancellationToken) {
    stopping.cancelled().await;
    tokio::time::sleep(CLIENT_GRACE).await;
}
