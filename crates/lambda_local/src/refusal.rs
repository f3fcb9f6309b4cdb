//! Why a request of a client is refused, and in which words. The function is not to blame.

mod violation;

use axum::Json;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

pub(crate) use self::violation::{Constraint, Violation};
use crate::invocation::Throttled;

/// The header with the name of the exception.
pub(crate) const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no function with this ARN.
    FunctionNotFound(String),
    /// The request names a function of the region `asked`. The functions here are those of `own`.
    OtherRegion { asked: String, own: String },
    /// Parameters break constraints of the API.
    Invalid(Vec<Violation>),
    /// A parameter has a value that it cannot have, for this reason.
    InvalidParameter(String),
    /// The event is not JSON.
    InvalidContent(String),
    /// The body of a request that manages functions is not what it has to be.
    InvalidBody(String),
    /// The alias of a function that this ARN names does not exist.
    AliasNotFound(String),
    /// Nothing is provisioned for the function.
    NothingProvisioned,
    /// The function has changed since the client looked at it.
    OtherRevision,
    /// The client context is not what it has to be.
    InvalidContext,
    /// The request has more bytes than this.
    TooLarge { limit: usize, operation: &'static str },
    /// The event of an asynchronous call has too many bytes.
    EventTooLarge { bytes: usize, limit: usize },
    /// There is no room for the request.
    Throttled(Throttled),
    /// The request is throttled for this reason, because a plan says so.
    ThrottledFor(&'static str),
    /// The client's connection ended early.
    Incomplete,
    /// The request may come from a web page. This says what gave it away, and what to do if it is meant.
    NotForWebPages(String),
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

impl From<Violation> for Refusal {
    fn from(violation: Violation) -> Self {
        Self::Invalid(vec![violation])
    }
}

impl Refusal {
    /// The status, the name of the exception, and the body.
    pub(crate) fn describe(self) -> (StatusCode, &'static str, Value) {
        let user = |message: String| json!({ "Type": "User", "message": message });
        match self {
            Self::FunctionNotFound(arn) => not_found(&format!("Function not found: {arn}")),
            Self::OtherRegion { asked, own } => {
                not_found(&format!("Functions from '{asked}' are not reachable in this region ('{own}')"))
            }
            Self::Invalid(violations) => (
                StatusCode::BAD_REQUEST,
                "ValidationException",
                json!({ "message": violation::message(&violations) }),
            ),
            Self::InvalidParameter(message) => {
                (StatusCode::BAD_REQUEST, "InvalidParameterValueException", user(message))
            }
            Self::InvalidContent(reason) => invalid_content(user(format!(
                "Could not parse request body into json: Could not parse payload into json: {reason}"
            ))),
            Self::InvalidBody(reason) => {
                invalid_content(user(format!("Could not parse request body into json: {reason}")))
            }
            Self::AliasNotFound(arn) => not_found(&format!("Cannot find alias arn: {arn}")),
            Self::NothingProvisioned => (
                StatusCode::NOT_FOUND,
                "ProvisionedConcurrencyConfigNotFoundException",
                user("No Provisioned Concurrency Config found for this function".to_owned()),
            ),
            Self::OtherRevision => (
                StatusCode::PRECONDITION_FAILED,
                "PreconditionFailedException",
                user(
                    "The Revision Id provided does not match the latest Revision Id. Call the \
                     GetFunction/GetAlias API to retrieve the latest Revision Id"
                        .to_owned(),
                ),
            ),
            Self::InvalidContext => invalid_content(
                json!({ "Type": null, "message": "Client context must be a valid Base64-encoded JSON object." }),
            ),
            Self::TooLarge { limit, operation } => too_large(json!({
                "Message": format!("Request must be smaller than {limit} bytes for the {operation} operation")
            })),
            Self::EventTooLarge { bytes, limit } => too_large(user(format!(
                "{bytes} byte payload is too large for the Event invocation type (limit {limit} bytes)"
            ))),
            Self::Throttled(reason) => throttled(match reason {
                Throttled::Concurrency | Throttled::StartRate { .. } => "ConcurrentInvocationLimitExceeded",
                Throttled::ReservedConcurrency => "ReservedFunctionConcurrentInvocationLimitExceeded",
                Throttled::QueueMemory | Throttled::EventQueue => "CallerRateLimitExceeded",
            }),
            Self::ThrottledFor(reason) => throttled(reason),
            Self::Incomplete => invalid_content(user("the body ended early".to_owned())),
            Self::NotForWebPages(reason) => (
                StatusCode::FORBIDDEN,
                "AccessDeniedException",
                json!({ "Message": format!("lambda-local refuses what a web page may have sent: {reason}") }),
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

fn not_found(message: &str) -> (StatusCode, &'static str, Value) {
    let body = json!({ "Type": "User", "Message": message });
    (StatusCode::NOT_FOUND, "ResourceNotFoundException", body)
}

fn invalid_content(body: Value) -> (StatusCode, &'static str, Value) {
    (StatusCode::BAD_REQUEST, "InvalidRequestContentException", body)
}

/// Lambda's API calls this RequestTooLargeException. What clients get has the other name.
fn too_large(body: Value) -> (StatusCode, &'static str, Value) {
    (StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLargeException", body)
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
        let retry_after = match &self {
            Self::Throttled(throttled) => Some(throttled.retry_after_s()),
            Self::ThrottledFor(_) => Some(1),
            _ => None,
        };
        let retry_after = retry_after.map(|seconds| [(RETRY_AFTER, seconds.to_string())]);
        let (status, name, body) = self.describe();
        (status, [(ERROR_TYPE, HeaderValue::from_static(name))], retry_after, Json(body)).into_response()
    }
}

#[cfg(test)]
mod tests;
