//! What happened in an environment: how an initialisation or an invocation ended.
//!
//! The log and the client are told of it in the same words, which stand here. What else a client is told is decided in
//! `invoke_api::answer`.

mod exit;

use std::time::Duration;

use bytes::Bytes;

pub(crate) use self::exit::{Exit, system_error};
use crate::config::{MAX_REPLY_BYTES, MAX_STREAMED_BYTES};

/// How an invocation ended: with the function's reply, or without one.
pub(crate) type Outcome = Result<Bytes, Failure>;

/// Why there is no reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The runtime reported an error. This is its body.
    Reported(Bytes),
    /// The runtime reported that it cannot initialise the function. `error_type` is what it wrote beside the body.
    InitReported { error_type: Option<String>, body: Bytes },
    /// The function took longer than this limit.
    TimedOut(Duration),
    /// The program exited too early.
    Exited(Exit),
    /// The program cannot be started, for this reason.
    NotStarted(String),
    /// The reply is larger than Lambda delivers.
    ReplyTooLarge,
    /// The streamed reply is larger than Lambda streams.
    StreamTooLarge,
    /// The runtime reported an error after it had begun to stream its reply.
    StreamFailed { error_type: String, details: Bytes },
    /// This machine, not the function, is to blame, for this reason.
    Unavailable(String),
    /// The server stops.
    Stopping,
}

impl Failure {
    /// Lambda's `errorType`. `None` if the runtime chose its own, or the function is not to blame.
    pub(crate) fn error_type(&self) -> Option<&'static str> {
        match self {
            Self::TimedOut(_) => Some("Sandbox.Timedout"),
            Self::Exited(_) => Some("Runtime.ExitError"),
            Self::NotStarted(_) => Some("Runtime.InvalidEntrypoint"),
            Self::ReplyTooLarge | Self::StreamTooLarge => Some("Function.ResponseSizeTooLarge"),
            Self::Reported(_)
            | Self::InitReported { .. }
            | Self::StreamFailed { .. }
            | Self::Unavailable(_)
            | Self::Stopping => None,
        }
    }

    /// Lambda's `errorMessage`, where there is an `errorType`.
    pub(crate) fn message(&self, request_id: &str) -> String {
        let with_id = |reason: String| format!("RequestId: {request_id} Error: {reason}");
        match self {
            Self::TimedOut(limit) => {
                with_id(format!("Task timed out after {:.2} seconds", limit.as_secs_f64()))
            }
            Self::Exited(exit) => with_id(exit.to_string()),
            Self::NotStarted(reason) => with_id(reason.clone()),
            Self::ReplyTooLarge => too_large(MAX_REPLY_BYTES),
            Self::StreamTooLarge => too_large(MAX_STREAMED_BYTES),
            Self::Reported(_)
            | Self::InitReported { .. }
            | Self::StreamFailed { .. }
            | Self::Unavailable(_)
            | Self::Stopping => String::new(),
        }
    }
}

fn too_large(limit: usize) -> String {
    format!("Response payload size exceeded maximum allowed payload size ({limit} bytes).")
}
