//! The server of one environment's Runtime API.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::caller::Caller;
use super::listener::{Admission, PeerListener};
use super::protocol::Refusal;
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
    /// Cancelled when no further connections come.
    closing: CancellationToken,
    /// The connections, and what still handles calls.
    tasks: TaskTracker,
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
        let listener = PeerListener::bind(address).await.map_err(unavailable)?;
        let (address, admission) = (listener.address().map_err(unavailable)?, listener.admission());
        let (closing, tasks) = (CancellationToken::new(), TaskTracker::new());
        // A page that finds the port could take an event away from the runtime.
        let routes = WebAccess::for_programs(address).guard(routes(function, caller));
        let service = DetachedAnswers { routes, tasks: tasks.clone() };
        // Accepting counts as well: the tracker is not empty before the last connection has been accepted.
        let server = tokio::spawn(tasks.track_future(serve(listener, service, closing.clone())));
        tasks.close();
        Ok(Self { address, admission, closing, tasks, server: AbortOnDropHandle::new(server) })
    }

    /// The program has exited: returns when everything that it sent has been handled. May be cancelled.
    pub(crate) async fn last_calls(&self) {
        self.closing.cancel();
        self.tasks.wait().await;
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

/// Accepts connections until `closing` is cancelled, and then those that wait already.
async fn serve(mut listener: PeerListener, service: DetachedAnswers, closing: CancellationToken) {
    while let Some((stream, address)) = closing.run_until_cancelled(listener.accept()).await {
        if let Some(stream) = listener.admit(stream, address).await {
            service.serve(stream);
        }
    }
    while let Some((stream, address)) = listener.accept_waiting() {
        if let Some(stream) = listener.admit(stream, address).await {
            service.serve(stream);
        }
    }
}

/// The routes. An answer of the function is handled even if its connection ends while it is handled: a program may exit
/// as soon as it has sent its answer. A call for an event ends with its connection, since nobody would get the event.
#[derive(Debug, Clone)]
struct DetachedAnswers {
    routes: Router,
    tasks: TaskTracker,
}

impl DetachedAnswers {
    fn serve(&self, stream: TcpStream) {
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), self.clone());
        self.tasks.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!("a connection of a Runtime API ended: {error}");
            }
        });
    }
}

impl Service<Request<Incoming>> for DetachedAnswers {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let is_answer = request.method() == Method::POST;
        let answered = TowerToHyperService::new(self.routes.clone()).call(request);
        if !is_answer {
            return answered.boxed();
        }
        let answered = self.tasks.spawn(answered);
        async { answered.await.unwrap_or_else(|_| Ok(Refusal::Gone.into_response())) }.boxed()
    }
}
