//! Why a request is refused, and how AWS words that.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::invocation::Throttled;

const ERROR_TYPE: &str = "x-amzn-errortype";

/// Why a request is refused: the function is not to blame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
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
    use super::*;

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
