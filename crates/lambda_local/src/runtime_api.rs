//! The Runtime API: what the process in an environment asks of Lambda. Every environment has an address of its own.

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
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::body::{BodyError, read_body};
use crate::environment::PeerListener;

/// The largest answer of a function, in bytes.
pub(crate) const MAX_ANSWER_BYTES: usize = 6_291_556;

const EXTENSION_ID: &str = "lambda-extension-identifier";
const RESPONSE_MODE: &str = "lambda-runtime-function-response-mode";

/// A call that the environment has to answer.
#[derive(Debug)]
pub(crate) enum Call {
    /// The runtime is ready for an event.
    Next(Reply<NextEvent>),
    /// The runtime ends the invocation `id`.
    Finish { id: String, result: FunctionResult, reply: Reply<()> },
    /// The runtime cannot initialise the function; the body says why.
    InitError { body: Bytes, reply: Reply<()> },
    /// An extension within the process wants to be told of these events.
    RegisterExtension { id: String, shutdown: bool, reply: Reply<()> },
    /// An extension waits for an event.
    NextExtensionEvent { id: String, reply: Reply<ShutdownEvent> },
}

/// Where the answer to a call goes.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, Refusal>>;

/// What the runtime made of an event.
#[derive(Debug)]
pub(crate) enum FunctionResult {
    Answer(Bytes),
    AnswerTooLarge,
    Streamed,
    Error(Bytes),
}

/// An event for the runtime.
#[derive(Debug)]
pub(crate) struct NextEvent {
    pub(crate) request_id: String,
    /// When the function times out, in milliseconds since 1970.
    pub(crate) deadline_ms: u128,
    pub(crate) arn: String,
    pub(crate) trace_id: String,
    pub(crate) client_context: Option<String>,
    pub(crate) payload: Bytes,
}

/// The environment ends.
#[derive(Debug)]
pub(crate) struct ShutdownEvent {
    /// When it is killed, in milliseconds since 1970.
    pub(crate) deadline_ms: u128,
}

/// A call that makes no sense now, or at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The call does not fit what the environment is doing.
    InvalidState(&'static str),
    /// No invocation of this name is under way.
    InvalidRequestId,
    /// The body ended early.
    Incomplete,
    /// No extension of this name has registered.
    UnknownExtension,
    /// Lambda would do it; this one does not.
    NotEmulated(&'static str),
    /// The answer is larger than Lambda delivers.
    TooLarge,
    /// The environment ends.
    Gone,
}

/// Serves the Runtime API of one environment, passing all calls on; runs until it is dropped.
pub(crate) async fn serve(listener: PeerListener, function: String, calls: mpsc::Sender<Call>) {
    if let Err(error) = axum::serve(listener, routes(Api { function, calls })).await {
        tracing::error!("a Runtime API failed: {error}");
    }
}

fn routes(api: Api) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .route("/2020-01-01/extension/register", post(register_extension))
        .route("/2020-01-01/extension/event/next", get(next_extension_event))
        .method_not_allowed_fallback(async || Refusal::NotEmulated("the Runtime API has no such method here"))
        .fallback(async || Refusal::NotEmulated("this part of the Runtime API is not emulated"))
        .with_state(api)
}

#[derive(Debug, Clone)]
struct Api {
    function: String,
    calls: mpsc::Sender<Call>,
}

impl Api {
    async fn call<T>(&self, call: impl FnOnce(Reply<T>) -> Call) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.calls.send(call(reply)).await.map_err(|_| Refusal::Gone)?;
        answer.await.unwrap_or(Err(Refusal::Gone))
    }
}

async fn next(State(api): State<Api>) -> Result<NextEvent, Refusal> {
    api.call(Call::Next).await
}

async fn response(
    State(api): State<Api>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Accepted, Refusal> {
    let streamed =
        headers.get(RESPONSE_MODE).is_some_and(|mode| mode.as_bytes().eq_ignore_ascii_case(b"streaming"));
    let (result, refusal) = match read_body(body, MAX_ANSWER_BYTES).await {
        _ if streamed => {
            (FunctionResult::Streamed, Some(Refusal::NotEmulated("response streaming is not emulated")))
        }
        Ok(answer) => (FunctionResult::Answer(answer), None),
        Err(BodyError::TooLarge) => (FunctionResult::AnswerTooLarge, Some(Refusal::TooLarge)),
        Err(BodyError::Incomplete) => return Err(Refusal::Incomplete),
    };
    api.call(|reply| Call::Finish { id, result, reply }).await?;
    refusal.map_or(Ok(Accepted), Err)
}

async fn error(State(api): State<Api>, Path(id): Path<String>, body: Body) -> Result<Accepted, Refusal> {
    let result = FunctionResult::Error(error_body(body).await?);
    api.call(|reply| Call::Finish { id, result, reply }).await.map(|()| Accepted)
}

async fn init_error(State(api): State<Api>, body: Body) -> Result<Accepted, Refusal> {
    let body = error_body(body).await?;
    api.call(|reply| Call::InitError { body, reply }).await.map(|()| Accepted)
}

async fn error_body(body: Body) -> Result<Bytes, Refusal> {
    read_body(body, MAX_ANSWER_BYTES).await.map_err(|error| match error {
        BodyError::TooLarge => Refusal::TooLarge,
        BodyError::Incomplete => Refusal::Incomplete,
    })
}

#[derive(Debug, Deserialize)]
struct Registration {
    #[serde(default)]
    events: Vec<String>,
}

async fn register_extension(State(api): State<Api>, body: Body) -> Result<Response, Refusal> {
    let body = error_body(body).await?;
    let registration: Registration =
        serde_json::from_slice(&body).map_err(|_| Refusal::InvalidState("the registration is not valid"))?;
    if registration.events.iter().any(|event| event == "INVOKE") {
        return Err(Refusal::NotEmulated("extensions that are told of invocations are not emulated"));
    }
    let id = Uuid::new_v4().to_string();
    let shutdown = registration.events.iter().any(|event| event == "SHUTDOWN");
    api.call(|reply| Call::RegisterExtension { id: id.clone(), shutdown, reply }).await?;
    let body = json!({ "functionName": api.function, "functionVersion": crate::config::VERSION, "handler": api.function });
    Ok(([(HeaderName::from_static(EXTENSION_ID), id)], Json(body)).into_response())
}

async fn next_extension_event(State(api): State<Api>, headers: HeaderMap) -> Result<ShutdownEvent, Refusal> {
    let id = headers.get(EXTENSION_ID).and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
    api.call(|reply| Call::NextExtensionEvent { id, reply }).await
}

impl IntoResponse for NextEvent {
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
        // The values were checked when the request came in; should one be no header after all, the runtime is told.
        response
            .body(Body::from(self.payload))
            .unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
    }
}

impl IntoResponse for ShutdownEvent {
    fn into_response(self) -> Response {
        let deadline_ms = u64::try_from(self.deadline_ms).unwrap_or(u64::MAX);
        Json(json!({ "eventType": "SHUTDOWN", "shutdownReason": "spindown", "deadlineMs": deadline_ms }))
            .into_response()
    }
}

struct Accepted;

impl IntoResponse for Accepted {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Json(json!({ "status": "OK" }))).into_response()
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
            Self::Gone => (StatusCode::GONE, "EnvironmentGone", "the environment has ended"),
        };
        (status, Json(json!({ "errorType": error_type, "errorMessage": message }))).into_response()
    }
}
