//! The HTTP routes of the Runtime API.

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::caller::Caller;
use super::protocol::{Answer, Call, Event, Refusal};
use super::streams::{Incomplete, Streams, gather, relay};
use crate::config::{MAX_REPLY_BYTES, VERSION};
use crate::http_body::{BodyError, read_body};
use crate::outcome::Failure;

const EXTENSION_ID: &str = "lambda-extension-identifier";
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";
/// The largest registration of an extension, in bytes.
const MAX_REGISTRATION_BYTES: usize = 64 * 1024;
const RESPONSE_MODE: &str = "lambda-runtime-function-response-mode";

/// The Runtime API of one environment of `function`.
pub(super) fn routes(function: &str, caller: Caller) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .route("/2020-01-01/extension/register", post(register_extension))
        .route("/2020-01-01/extension/event/next", get(next_extension_event))
        .method_not_allowed_fallback(async || Refusal::NotEmulated("the Runtime API has no such method here"))
        .fallback(async || Refusal::NotEmulated("this part of the Runtime API is not emulated"))
        .with_state(Api { function: function.to_owned(), caller, streams: Streams::default() })
}

#[derive(Debug, Clone)]
struct Api {
    function: String,
    caller: Caller,
    streams: Streams,
}

async fn next(State(api): State<Api>) -> Answer {
    let answer = api.caller.call(Call::Next).await;
    if let Answer::Event(Event { request_id, stream: Some(stream), .. }) = &answer {
        api.streams.put(request_id, stream);
    }
    answer
}

async fn response(
    State(api): State<Api>,
    Path(request_id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, Refusal> {
    let streamed =
        headers.get(RESPONSE_MODE).is_some_and(|mode| mode.as_bytes().eq_ignore_ascii_case(b"streaming"));
    // A client that does not want a stream gets a streamed reply as a whole.
    let outcome = match api.streams.take(&request_id).filter(|_| streamed) {
        Some(stream) => relay(body, &stream).await,
        None => gather(body).await,
    };
    let outcome = outcome.map_err(|Incomplete| Refusal::Incomplete)?;
    Ok(api.caller.call(Call::Finish { request_id, outcome }).await)
}

async fn error(
    State(api): State<Api>,
    Path(request_id): Path<String>,
    body: Body,
) -> Result<Answer, Refusal> {
    api.streams.take(&request_id);
    let outcome = Err(error_body(body, Failure::Reported).await?);
    Ok(api.caller.call(Call::Finish { request_id, outcome }).await)
}

async fn init_error(State(api): State<Api>, headers: HeaderMap, body: Body) -> Result<Answer, Refusal> {
    let error_type = headers.get(ERROR_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let failure = error_body(body, |body| Failure::InitReported { error_type, body }).await?;
    Ok(api.caller.call(Call::InitError(failure)).await)
}

/// The failure that a runtime reports. One that is too large is a failure, too: the environment does not wait for
/// another one.
async fn error_body(body: Body, failure: impl FnOnce(Bytes) -> Failure) -> Result<Failure, Refusal> {
    match read_body(body, MAX_REPLY_BYTES).await {
        Ok(body) => Ok(failure(body)),
        Err(BodyError::TooLarge) => Ok(Failure::ReplyTooLarge),
        Err(BodyError::Incomplete) => Err(Refusal::Incomplete),
    }
}

#[derive(Debug, Deserialize)]
struct Registration {
    #[serde(default)]
    events: Vec<String>,
}

async fn register_extension(State(api): State<Api>, body: Body) -> Result<Response, Refusal> {
    let body = read_body(body, MAX_REGISTRATION_BYTES).await.map_err(|error| match error {
        BodyError::TooLarge => Refusal::TooLarge,
        BodyError::Incomplete => Refusal::Incomplete,
    })?;
    let Registration { events } =
        serde_json::from_slice(&body).map_err(|_| Refusal::InvalidState("the registration is not valid"))?;
    if events.iter().any(|event| event == "INVOKE") {
        return Err(Refusal::NotEmulated("extensions that are told of invocations are not emulated"));
    }
    let id = Uuid::new_v4().to_string();
    let shutdown = events.iter().any(|event| event == "SHUTDOWN");
    match api.caller.call(Call::RegisterExtension { id: id.clone(), shutdown }).await {
        Answer::Accepted => {
            let (name, version) = (&api.function, VERSION);
            let body = json!({ "functionName": name, "functionVersion": version, "handler": name });
            Ok(([(HeaderName::from_static(EXTENSION_ID), id)], Json(body)).into_response())
        }
        other => Ok(other.into_response()),
    }
}

async fn next_extension_event(State(api): State<Api>, headers: HeaderMap) -> Answer {
    let id = headers.get(EXTENSION_ID).and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
    api.caller.call(Call::NextExtensionEvent { id }).await
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        match self {
            Self::Accepted => (StatusCode::ACCEPTED, Json(json!({ "status": "OK" }))).into_response(),
            Self::Event(event) => event.into_response(),
            Self::Shutdown { deadline_ms } => Json(
                json!({ "eventType": "SHUTDOWN", "shutdownReason": "spindown", "deadlineMs": deadline_ms }),
            )
            .into_response(),
            Self::Refused(refusal) => refusal.into_response(),
        }
    }
}

impl IntoResponse for Event {
    fn into_response(self) -> Response {
        let mut response = Response::builder()
            .header("Content-Type", "application/json")
            .header("Lambda-Runtime-Aws-Request-Id", self.request_id)
            .header("Lambda-Runtime-Deadline-Ms", self.deadline_ms.to_string())
            .header("Lambda-Runtime-Invoked-Function-Arn", self.arn)
            .header("Lambda-Runtime-Trace-Id", self.trace_id);
        if let Some(context) = self.client_context {
            response = response.header("Lambda-Runtime-Client-Context", context);
        }
        // The Invoke API checked that the values can be headers. If one cannot after all, the runtime is told.
        response
            .body(Body::from(self.payload))
            .unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, error_type, message) = match self {
            Self::InvalidState(message) => (StatusCode::FORBIDDEN, "InvalidStateTransition", message),
            Self::InvalidRequestId => (StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID"),
            Self::Incomplete => (StatusCode::BAD_REQUEST, "InvalidRequest", "the body ended early"),
            Self::UnknownExtension => (
                StatusCode::FORBIDDEN,
                "Extension.UnknownExtensionIdentifier",
                "this extension has not registered",
            ),
            Self::NotEmulated(message) => (StatusCode::NOT_IMPLEMENTED, "NotEmulated", message),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "RequestEntityTooLarge",
                "Exceeded maximum allowed payload size (6291556 bytes).",
            ),
            Self::StreamTooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "RequestEntityTooLarge",
                "Exceeded maximum allowed payload size (209715200 bytes).",
            ),
            Self::Gone => (StatusCode::GONE, "EnvironmentGone", "the environment has ended"),
        };
        (status, Json(json!({ "errorType": error_type, "errorMessage": message }))).into_response()
    }
}
