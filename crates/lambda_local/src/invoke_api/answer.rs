//! What a client is told of its invocation: the one place where that is decided.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde_json::json;

use crate::config::VERSION;
use crate::invocation::Reply;
use crate::outcome::{Failure, Outcome};
use crate::refusal::Refusal;

const EXECUTED_VERSION: HeaderName = HeaderName::from_static("x-amz-executed-version");
const FUNCTION_ERROR: HeaderName = HeaderName::from_static("x-amz-function-error");
const LOG_RESULT: HeaderName = HeaderName::from_static("x-amz-log-result");

/// What the body of a function's answer holds.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    /// The function's reply.
    Reply(Bytes),
    /// An error of the function, in its own words or in Lambda's.
    FunctionError(Bytes),
}

/// Decides what a client is told of the outcome of its invocation.
fn tell(outcome: Outcome, request_id: &str) -> Result<Told, Refusal> {
    match outcome {
        Ok(reply) => Ok(Told::Reply(reply)),
        Err(Failure::Reported(body)) => Ok(Told::FunctionError(body)),
        Err(Failure::Unavailable(reason)) => Err(Refusal::Unavailable(reason)),
        Err(Failure::Stopping) => Err(Refusal::Stopping),
        Err(failure) => Ok(Told::FunctionError(words(&failure, request_id).into())),
    }
}

/// A failure in Lambda's words, in the order in which Lambda writes them.
fn words(failure: &Failure, request_id: &str) -> String {
    let error_type = ("errorType", json!(failure.error_type()));
    let message = ("errorMessage", json!(failure.message(request_id)));
    let [(first, one), (second, two)] = match failure {
        Failure::ReplyTooLarge => [message, error_type],
        _ => [error_type, message],
    };
    format!(r#"{{"{first}":{one},"{second}":{two}}}"#)
}

/// The response to a request that an environment has served or failed to serve.
pub(super) fn respond(reply: Reply, request_id: &str, wants_log: bool) -> Response {
    let (body, failed) = match tell(reply.outcome, request_id) {
        Ok(Told::Reply(body)) => (body, false),
        Ok(Told::FunctionError(body)) => (body, true),
        Err(refusal) => return refusal.into_response(),
    };
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert(EXECUTED_VERSION, HeaderValue::from_static(VERSION));
    if failed {
        headers.insert(FUNCTION_ERROR, HeaderValue::from_static("Unhandled"));
    }
    if wants_log && let Ok(log) = HeaderValue::from_str(&BASE64_STANDARD.encode(&reply.log_tail)) {
        headers.insert(LOG_RESULT, log);
    }
    response
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;
    use std::time::Duration;

    use super::*;
    use crate::outcome::Exit;

    fn function_error(error_type: &str, message: &str) -> Result<Told, Refusal> {
        let body = format!(r#"{{"errorType":"{error_type}","errorMessage":"{message}"}}"#);
        Ok(Told::FunctionError(Bytes::from(body)))
    }

    #[test]
    fn what_a_client_is_told_of_each_outcome() {
        let killed = Exit::Status(ExitStatus::from_raw(9));
        for (outcome, expected) in [
            (Ok(Bytes::from("1")), Ok(Told::Reply(Bytes::from("1")))),
            (Err(Failure::Reported(Bytes::from("{}"))), Ok(Told::FunctionError(Bytes::from("{}")))),
            (
                Err(Failure::TimedOut(Duration::from_millis(1500))),
                function_error("Sandbox.Timedout", "RequestId: ID Error: Task timed out after 1.50 seconds"),
            ),
            (
                Err(Failure::Exited(killed)),
                function_error(
                    "Runtime.ExitError",
                    "RequestId: ID Error: Runtime exited with error: signal: killed",
                ),
            ),
            (
                Err(Failure::NotStarted("fork/exec /f: no".to_owned())),
                function_error("Runtime.InvalidEntrypoint", "RequestId: ID Error: fork/exec /f: no"),
            ),
            (
                Err(Failure::ReplyTooLarge),
                Ok(Told::FunctionError(Bytes::from(
                    r#"{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}"#,
                ))),
            ),
            (
                Err(Failure::ReplyStreamed),
                function_error("LambdaLocal.NotEmulated", "lambda-local does not emulate response streaming"),
            ),
            (Err(Failure::Unavailable("x".to_owned())), Err(Refusal::Unavailable("x".to_owned()))),
            (Err(Failure::Stopping), Err(Refusal::Stopping)),
        ] {
            assert_eq!(tell(outcome.clone(), "ID"), expected, "{outcome:?}");
        }
    }
}
