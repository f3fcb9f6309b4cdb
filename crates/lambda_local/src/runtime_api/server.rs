//! The server of one environment's Runtime API.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::serve::Listener;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::caller::Caller;
use super::listener::{Admission, PeerListener};
use super::routes::routes;
use crate::outcome::Failure;
use crate::web_access::WebAccess;

/// The variable in which a runtime finds the address of its Runtime API.
const ADDRESS_VARIABLE: &str = "AWS_LAMBDA_RUNTIME_API";

/// A Runtime API that serves one environment until it is dropped.
#[derive(Debug)]
pub(crate) struct RuntimeApi {
    address: SocketAddr,
    admission: Arc<Admission>,
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
        let (address, admission) = (listener.local_addr()?, listener.admission());
        // A page that finds the port could take an event away from the runtime.
        let routes = WebAccess::for_programs(address).guard(routes(function, caller));
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                tracing::error!("a Runtime API failed: {error}");
            }
        });
        Ok(Self { address, admission, server: AbortOnDropHandle::new(server) })
    }

    /// The variable that tells a program where this API is.
    pub(crate) fn variable(&self) -> (String, String) {
        (ADDRESS_VARIABLE.to_owned(), self.address.to_string())
    }

    /// Lets in the program, whose connections come from this address.
    pub(crate) fn admit(&self, program: IpAddr) {
        // It is set once.
        let _ = self.admission.peer.set(program);
    }

    /// When the first call of the program came, if that was before the program was admitted.
    pub(crate) fn early_call(&self) -> Option<Instant> {
        self.admission.early.get().copied()
    }
}
