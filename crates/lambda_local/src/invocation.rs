//! One invocation on its way from the Invoke API to an environment, and the reply on its way back.

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::outcome::Outcome;

/// A request, and where its reply goes.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) request: Request,
    /// The client may have left. That changes nothing for the environment.
    pub(crate) reply_to: oneshot::Sender<Reply>,
}

/// What a client asks of a function.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub(crate) request_id: String,
    pub(crate) trace_id: String,
    /// JSON, as the runtime gets it.
    pub(crate) client_context: Option<String>,
    pub(crate) payload: Bytes,
}

/// What comes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) outcome: Outcome,
    /// The end of the environment's log.
    pub(crate) log_tail: Bytes,
}

/// There is no room for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Throttled {
    /// As many requests are being served as may be.
    Concurrency,
    /// As many events wait as may wait.
    EventQueue,
}
