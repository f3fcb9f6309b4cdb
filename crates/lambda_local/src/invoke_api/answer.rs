//! What a client is told: the one place where that is decided.

use axum::Json;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::config::VERSION;
use crate::invocation::{Reply, Throttled};
use crate::outcome::{Failure, Outcome};

const ERROR_TYPE: &str = "x-amzn-errortype";
const EXECUTED_VERSION: HeaderName = HeaderName::from_static("x-amz-executed-version");
const FUNCTION_ERROR: HeaderName = HeaderName::from_static("x-amz-function-error");
const LOG_RESULT: HeaderName = HeaderName::from_static("x-amz-log-result");

/// Why a request is refused: the function is not to blame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no function with this ARN.
    FunctionNotFound(String),
    /// A parameter has a value that it cannot have.
    InvalidParameter(String),
    /// The event is not JSON.
    InvalidContent(String),
    /// The event has more bytes than this.
    TooLarge(usize),
    /// There is no room for the request.
    Throttled(Throttled),
    /// The client's connection ended early.
    Incomplete,
    /// Lambda does this. lambda-local does not.
    NotEmulated(String),
    /// This machine cannot run an environment, for this reason.
    Unavailable(String),
    /// The server stops.
    Stopping,
}

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
        Err(failure) => {
            let message = failure.message(request_id);
            let body = json!({ "errorType": failure.error_type(), "errorMessage": message });
            Ok(Told::FunctionError(Bytes::from(body.to_string())))
        }
    }
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

impl From<Throttled> for Refusal {
    fn from(throttled: Throttled) -> Self {
        Self::Throttled(throttled)
    }
}

impl Refusal {
    /// The status, the name of the exception, and the body.
    fn describe(self) -> (StatusCode, &'static str, Value) {
        let user = |message: String| json!({ "Type": "User", "message": message });
        match self {
            Self::FunctionNotFound(arn) => (
                StatusCode::NOT_FOUND,
                "ResourceNotFoundException",
                json!({ "Type": "User", "Message": format!("Function not found: {arn}") }),
            ),
            Self::InvalidParameter(message) => {
                (StatusCode::BAD_REQUEST, "InvalidParameterValueException", user(message))
            }
            Self::InvalidContent(reason) => (
                StatusCode::BAD_REQUEST,
                "InvalidRequestContentException",
                user(format!("Could not parse request body into json: {reason}")),
            ),
            Self::TooLarge(limit) => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "RequestTooLargeException",
                user(format!("Request must be smaller than {limit} bytes for the InvokeFunction operation")),
            ),
            Self::Throttled(Throttled::Concurrency) => throttled("ConcurrentInvocationLimitExceeded"),
            Self::Throttled(Throttled::EventQueue) => throttled("CallerRateLimitExceeded"),
            Self::Incomplete => (
                StatusCode::BAD_REQUEST,
                "InvalidRequestContentException",
                user("the body ended early".to_owned()),
            ),
            Self::NotEmulated(what) => (
                StatusCode::NOT_IMPLEMENTED,
                "NotEmulatedException",
                user(format!("lambda-local does not emulate {what}")),
            ),
            Self::Unavailable(reason) => failed(&format!("lambda-local cannot run the function: {reason}")),
            Self::Stopping => failed("lambda-local is stopping"),
        }
    }
}

fn failed(message: &str) -> (StatusCode, &'static str, Value) {
    let body = json!({ "Type": "Service", "Message": message });
    (StatusCode::INTERNAL_SERVER_ERROR, "ServiceException", body)
}

fn throttled(reason: &str) -> (StatusCode, &'static str, Value) {
    (
        StatusCode::TOO_MANY_REQUESTS,
        "TooManyRequestsException",
        json!({ "Reason": reason, "Type": "User", "message": "Rate Exceeded." }),
    )
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, name, body) = self.describe();
        (status, [(ERROR_TYPE, name)], Json(body)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;
    use std::time::Duration;

    use super::*;
    use crate::outcome::Exit;

    fn function_error(error_type: &str, message: &str) -> Result<Told, Refusal> {
        let body = json!({ "errorType": error_type, "errorMessage": message }).to_string();
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
                function_error(
                    "Function.ResponseSizeTooLarge",
                    "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
                ),
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

    #[test]
    fn each_refusal_has_the_status_and_the_exception_of_lambda() {
        for (refusal, status, name, message) in [
            (
                Refusal::FunctionNotFound("ARN".to_owned()),
                404,
                "ResourceNotFoundException",
                "Function not found: ARN",
            ),
            (Refusal::InvalidParameter("m".to_owned()), 400, "InvalidParameterValueException", "m"),
            (
                Refusal::InvalidContent("m".to_owned()),
                400,
                "InvalidRequestContentException",
                "Could not parse request body into json: m",
            ),
            (
                Refusal::TooLarge(7),
                413,
                "RequestTooLargeException",
                "Request must be smaller than 7 bytes for the InvokeFunction operation",
            ),
            (Throttled::Concurrency.into(), 429, "TooManyRequestsException", "Rate Exceeded."),
            (Throttled::EventQueue.into(), 429, "TooManyRequestsException", "Rate Exceeded."),
            (Refusal::Incomplete, 400, "InvalidRequestContentException", "the body ended early"),
            (
                Refusal::NotEmulated("X".to_owned()),
                501,
                "NotEmulatedException",
                "lambda-local does not emulate X",
            ),
            (
                Refusal::Unavailable("m".to_owned()),
                500,
                "ServiceException",
                "lambda-local cannot run the function: m",
            ),
            (Refusal::Stopping, 500, "ServiceException", "lambda-local is stopping"),
        ] {
            let (found_status, found_name, body) = refusal.describe();
            assert_eq!((found_status.as_u16(), found_name), (status, name));
            assert_eq!(body.get("message").or(body.get("Message")), Some(&json!(message)));
        }
    }
}
