//! One invocation, from the Invoke API to an environment and back.

use bytes::Bytes;
use serde_json::json;
use tokio::sync::oneshot;

use crate::report::Failure;

const TIMED_OUT: &str = "Sandbox.Timedout";

/// A request that an environment serves.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) request: Request,
    /// Where the result goes; the client may have left, which changes nothing for the environment.
    pub(crate) reply: oneshot::Sender<Result<Completed, Unavailable>>,
}

/// This machine, not the function, is why the request was not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unavailable(pub(crate) String);

/// What the client asked for.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) request_id: String,
    pub(crate) trace_id: String,
    /// JSON, as the runtime gets it.
    pub(crate) client_context: Option<String>,
    pub(crate) payload: Bytes,
}

/// The result of an invocation.
#[derive(Debug, Clone)]
pub(crate) struct Completed {
    pub(crate) payload: Bytes,
    /// The function failed, and the payload says how.
    pub(crate) failed: bool,
    /// The end of the log.
    pub(crate) log_tail: Bytes,
}

/// How an invocation failed, when it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The function's own error, as its runtime worded it.
    Function(Bytes),
    /// An error that Lambda words.
    Lambda { error_type: &'static str, message: String },
    /// Not the function's fault.
    Unavailable(Unavailable),
}

impl Fault {
    /// The function took longer than it may.
    pub(crate) fn timed_out(request_id: &str, timeout: std::time::Duration) -> Self {
        let seconds = timeout.as_secs_f64();
        Self::lambda(
            TIMED_OUT,
            format!("RequestId: {request_id} Error: Task timed out after {seconds:.2} seconds"),
        )
    }

    /// The process exited before it answered.
    pub(crate) fn exited(request_id: &str, exit: impl std::fmt::Display) -> Self {
        Self::lambda("Runtime.ExitError", format!("RequestId: {request_id} Error: {exit}"))
    }

    /// The process could not be started.
    pub(crate) fn not_started(request_id: &str, error: impl std::fmt::Display) -> Self {
        Self::lambda("Runtime.InvalidEntrypoint", format!("RequestId: {request_id} Error: {error}"))
    }

    /// The answer is larger than Lambda delivers.
    pub(crate) fn answer_too_large() -> Self {
        let limit = crate::runtime_api::MAX_ANSWER_BYTES;
        Self::lambda(
            "Function.ResponseSizeTooLarge",
            format!("Response payload size exceeded maximum allowed payload size ({limit} bytes)."),
        )
    }

    /// The function used something that Lambda has and this one does not.
    pub(crate) fn not_emulated(what: &str) -> Self {
        Self::lambda("LambdaLocal.NotEmulated", format!("lambda-local does not emulate {what}"))
    }

    fn lambda(error_type: &'static str, message: String) -> Self {
        Self::Lambda { error_type, message }
    }

    /// As the log shows it; a function's own error is not shown there.
    pub(crate) fn failure(&self) -> Option<Failure<'_>> {
        match self {
            Self::Function(_) | Self::Unavailable(_) => None,
            Self::Lambda { error_type: TIMED_OUT, .. } => Some(Failure::Timeout),
            Self::Lambda { error_type, .. } => Some(Failure::Error(error_type)),
        }
    }

    /// The body that the client gets.
    pub(crate) fn into_payload(self) -> Result<Bytes, Unavailable> {
        match self {
            Self::Function(body) => Ok(body),
            Self::Lambda { error_type, message } => {
                Ok(Bytes::from(json!({ "errorType": error_type, "errorMessage": message }).to_string()))
            }
            Self::Unavailable(unavailable) => Err(unavailable),
        }
    }
}
