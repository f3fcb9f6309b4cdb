//! One invocation on its way from the Invoke API to an environment, and the reply on its way back.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::outcome::Outcome;
use crate::reply_stream::ReplyStream;

/// What a request takes besides its payload, in bytes: about right.
const REQUEST_BYTES: usize = 1024;

/// A request, and where its reply goes.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) request: Request,
    /// The client may have left. That changes nothing for the environment.
    pub(crate) reply_to: oneshot::Sender<Reply>,
    /// Whether an environment has ended before its runtime could see the request. That may happen once.
    pub(crate) given_back: bool,
}

impl Invocation {
    pub(crate) fn new(request: Request, reply_to: oneshot::Sender<Reply>) -> Self {
        Self { request, reply_to, given_back: false }
    }
}

/// What a client asks of a function.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub(crate) request_id: String,
    pub(crate) trace_id: String,
    /// The version that the client named. The runtime is told the function's ARN with it.
    pub(crate) qualifier: Option<String>,
    /// JSON, as the runtime gets it.
    pub(crate) client_context: Option<String>,
    /// Whether the client asked for the end of the log.
    pub(crate) wants_log: bool,
    pub(crate) payload: Bytes,
    /// Where a reply goes that the runtime streams. Without it, such a reply is gathered first.
    pub(crate) stream: Option<ReplyStream>,
}

impl Request {
    /// About how much memory the request takes while it waits.
    pub(crate) fn bytes(&self) -> usize {
        self.payload.len() + self.client_context.as_ref().map_or(0, String::len) + REQUEST_BYTES
    }
}

/// What comes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) outcome: Outcome,
    /// The end of the environment's log; empty if the client did not ask for it.
    pub(crate) log_tail: Bytes,
    /// The log stream of the environment, which no other has; absent if there was no environment.
    pub(crate) log_stream: Option<String>,
    /// For how long the environment had been ready when the time of the function began; absent if there was no environment,
    /// or if it was initialised as part of the invocation.
    pub(crate) environment_age: Option<Duration>,
}

/// There is no room for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Throttled {
    /// As many requests of the account are under way as may be.
    Concurrency,
    /// As many requests of the function are under way as it has reserved.
    ReservedConcurrency,
    /// The request needs a new environment, and the function may get one only after this time.
    StartRate { wait_ns: u64 },
    /// The requests that wait for an environment have as many bytes as they may have.
    QueueMemory,
    /// As many events wait as may wait.
    EventQueue,
}

impl Throttled {
    /// After how many seconds the client may try again.
    pub(crate) fn retry_after_s(self) -> u64 {
        match self {
            Self::StartRate { wait_ns } => wait_ns.div_ceil(1_000_000_000).max(1),
            _ => 1,
        }
    }
}
