//! Refusals of the Invoke API: the request did not reach a function.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ServiceError {
    /// No function of this ARN.
    FunctionNotFound(String),
    /// A parameter has a value that it cannot have.
    InvalidParameter(String),
    /// The event is not JSON.
    InvalidContent(String),
    /// The event has more bytes than this.
    TooLarge(usize),
    /// Too many requests are being served.
    TooManyRequests,
    /// Too many events wait to be served.
    EventQueueFull,
    /// The client's connection ended early.
    Incomplete,
    /// Lambda would do it; this one does not.
    NotEmulated(String),
    /// This machine cannot run another environment, for this reason.
    Unavailable(String),
    /// The server stops.
    Stopping,
}

impl ServiceError {
    fn describe(self) -> (StatusCode, &'static str, serde_json::Value) {
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
            Self::TooManyRequests => throttled("ConcurrentInvocationLimitExceeded"),
            Self::EventQueueFull => throttled("CallerRateLimitExceeded"),
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

fn failed(message: &str) -> (StatusCode, &'static str, serde_json::Value) {
    let body = json!({ "Type": "Service", "Message": message });
    (StatusCode::INTERNAL_SERVER_ERROR, "ServiceException", body)
}

fn throttled(reason: &str) -> (StatusCode, &'static str, serde_json::Value) {
    (
        StatusCode::TOO_MANY_REQUESTS,
        "TooManyRequestsException",
        json!({ "Reason": reason, "Type": "User", "message": "Rate Exceeded." }),
    )
}

impl IntoResponse for ServiceError {
    fn into_response(self) -> Response {
        let (status, name, body) = self.describe();
        (status, [("x-amzn-errortype", name)], Json(body)).into_response()
    }
}
