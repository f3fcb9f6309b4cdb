//! The server of one environment's Runtime API.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::serve::Listener;
use tokio::sync::SetOnce;
use tokio_util::task::AbortOnDropHandle;

use super::caller::Caller;
use super::listener::PeerListener;
use super::routes::routes;
use crate::outcome::Failure;

/// The variable in which a runtime finds the address of its Runtime API.
const ADDRESS_VARIABLE: &str = "AWS_LAMBDA_RUNTIME_API";

/// A Runtime API that serves one environment until it is dropped.
#[derive(Debug)]
pub(crate) struct RuntimeApi {
    address: SocketAddr,
    peer: Arc<SetOnce<IpAddr>>,
    #[expect(dead_code, reason = "held to serve as long as this exists")]
    server: AbortOnDropHandle<()>,
}

impl RuntimeApi {
    /// Serves the program of `function` on a free port of `address`. Its connections wait until it is admitted.
    ///
    /// # Errors
    /// If this machine does not have the address, or is short of ports or descriptors.
    pub(crate) async fn open(address: IpAddr, function: &str, caller: Caller) -> Result<Self, Failure> {
        let unavailable = |error| Failure::Unavailable(format!("cannot open a Runtime API: {error}"));
        Self::listen(address, function, caller).await.map_err(unavailable)
    }

    async fn listen(address: IpAddr, function: &str, caller: Caller) -> io::Result<Self> {
        let listener = PeerListener::bind(address).await?;
        let (address, peer) = (listener.local_addr()?, listener.peer());
        let routes = routes(function, caller);
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                tracing::error!("a Runtime API failed: {error}");
            }
        });
        Ok(Self { address, peer, server: AbortOnDropHandle::new(server) })
    }

    /// The variable that tells a program where this API is.
    pub(crate) fn variable(&self) -> (String, String) {
        (ADDRESS_VARIABLE.to_owned(), self.address.to_string())
    }

    /// Lets in the program, whose connections come from this address.
    pub(crate) fn admit(&self, program: IpAddr) {
        // It is set once.
        let _ = self.peer.set(program);
    }
}
