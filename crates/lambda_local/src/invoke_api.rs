//! The Invoke API: what clients ask of Lambda.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request as HttpRequest, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use uuid::Uuid;

use crate::body::{BodyError, read_body};
use crate::config::VERSION;
use crate::events;
use crate::function_ref;
use crate::invocation::{Completed, Request, Unavailable};
use crate::service::Service;
use crate::service_error::ServiceError;

/// The largest event of a call that waits for the answer, in bytes.
const MAX_EVENT_BYTES: usize = 6_291_456;
/// The largest event of a call that does not, in bytes.
const MAX_ASYNC_EVENT_BYTES: usize = 1_048_576;
/// The largest client context, in bytes of base64.
const MAX_CONTEXT_BYTES: usize = 3583;

const CLIENT_CONTEXT: &str = "x-amz-client-context";
const EXECUTED_VERSION: HeaderName = HeaderName::from_static("x-amz-executed-version");
const FUNCTION_ERROR: HeaderName = HeaderName::from_static("x-amz-function-error");
const INVOCATION_TYPE: &str = "x-amz-invocation-type";
const LOG_RESULT: HeaderName = HeaderName::from_static("x-amz-log-result");
const LOG_TYPE: &str = "x-amz-log-type";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const TRACE_ID: &str = "x-amzn-trace-id";

/// The routes of the Invoke API.
pub(crate) fn routes(service: Arc<Service>) -> Router {
    Router::new()
        .route("/2015-03-31/functions/{function}/invocations", post(invoke))
        .method_not_allowed_fallback(not_emulated)
        .fallback(not_emulated)
        .with_state(service)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InvokeQuery {
    qualifier: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InvocationType {
    RequestResponse,
    Event,
    DryRun,
}

async fn invoke(
    State(service): State<Arc<Service>>,
    function: Result<Path<String>, PathRejection>,
    query: Result<Query<InvokeQuery>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let request_id = Uuid::new_v4().to_string();
    let answer = match (function, query) {
        (Ok(Path(function)), Ok(Query(query))) => {
            answer(&service, &function, query.qualifier.as_deref(), &headers, body, &request_id).await
        }
        (Err(rejection), _) => Err(ServiceError::InvalidParameter(rejection.body_text())),
        (_, Err(rejection)) => Err(ServiceError::InvalidParameter(rejection.body_text())),
    };
    let mut response = answer.unwrap_or_else(IntoResponse::into_response);
    if let Ok(request_id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, request_id);
    }
    response
}

async fn answer(
    service: &Arc<Service>,
    function: &str,
    qualifier: Option<&str>,
    headers: &HeaderMap,
    body: Body,
    request_id: &str,
) -> Result<Response, ServiceError> {
    let name = function_ref::resolve(function, qualifier, &service.config().region)?;
    let Some(function) = service.find(&name) else {
        return Err(ServiceError::FunctionNotFound(crate::config::function_arn(
            &service.config().region,
            &name,
        )));
    };
    let invocation_type = invocation_type(headers)?;
    let wants_log = wants_log(headers)?;
    let request = Request {
        request_id: request_id.to_owned(),
        trace_id: trace_id(headers)?,
        client_context: client_context(headers)?,
        payload: payload(body, invocation_type).await?,
    };
    match invocation_type {
        InvocationType::DryRun => Ok(StatusCode::NO_CONTENT.into_response()),
        InvocationType::Event => {
            events::accept(service, function, request)?;
            Ok(StatusCode::ACCEPTED.into_response())
        }
        InvocationType::RequestResponse => {
            let outcome = service.invoke(function, request).map_err(|_| ServiceError::TooManyRequests)?;
            let completed = outcome.wait().await.ok_or(ServiceError::Stopping)?;
            let completed = completed.map_err(|Unavailable(reason)| ServiceError::Unavailable(reason))?;
            Ok(completed_response(completed, wants_log))
        }
    }
}

async fn not_emulated(request: HttpRequest) -> ServiceError {
    ServiceError::NotEmulated(format!("{} {}", request.method(), request.uri().path()))
}

fn completed_response(completed: Completed, wants_log: bool) -> Response {
    let mut response = Response::new(Body::from(completed.payload));
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert(EXECUTED_VERSION, HeaderValue::from_static(VERSION));
    if completed.failed {
        headers.insert(FUNCTION_ERROR, HeaderValue::from_static("Unhandled"));
    }
    if wants_log && let Ok(log) = HeaderValue::from_str(&BASE64_STANDARD.encode(&completed.log_tail)) {
        headers.insert(LOG_RESULT, log);
    }
    response
}

fn invocation_type(headers: &HeaderMap) -> Result<InvocationType, ServiceError> {
    match text(headers, INVOCATION_TYPE)? {
        None | Some("RequestResponse") => Ok(InvocationType::RequestResponse),
        Some("Event") => Ok(InvocationType::Event),
        Some("DryRun") => Ok(InvocationType::DryRun),
        Some(other) => Err(ServiceError::InvalidParameter(format!(
            "{INVOCATION_TYPE} is {other:?}; expected RequestResponse, Event or DryRun"
        ))),
    }
}

fn wants_log(headers: &HeaderMap) -> Result<bool, ServiceError> {
    match text(headers, LOG_TYPE)? {
        None | Some("None") => Ok(false),
        Some("Tail") => Ok(true),
        Some(other) => {
            Err(ServiceError::InvalidParameter(format!("{LOG_TYPE} is {other:?}; expected None or Tail")))
        }
    }
}

/// The trace that the client gave, or a new one that is not sampled.
fn trace_id(headers: &HeaderMap) -> Result<String, ServiceError> {
    let given = text(headers, TRACE_ID)?;
    Ok(given.map_or_else(new_trace_id, str::to_owned))
}

fn new_trace_id() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let (root, parent) = (Uuid::new_v4().simple().to_string(), Uuid::new_v4().simple().to_string());
    format!("Root=1-{:08x}-{};Parent={};Sampled=0", now.as_secs(), &root[..24], &parent[..16])
}

/// The client context, decoded.
fn client_context(headers: &HeaderMap) -> Result<Option<String>, ServiceError> {
    let Some(encoded) = text(headers, CLIENT_CONTEXT)? else { return Ok(None) };
    if encoded.len() > MAX_CONTEXT_BYTES {
        return Err(ServiceError::InvalidParameter(format!(
            "{CLIENT_CONTEXT} has {} bytes; expected at most {MAX_CONTEXT_BYTES}",
            encoded.len()
        )));
    }
    let invalid = || {
        ServiceError::InvalidContent(format!("{CLIENT_CONTEXT} is not base64 of a JSON object in one line"))
    };
    let decoded = BASE64_STANDARD.decode(encoded).map_err(|_| invalid())?;
    let context = String::from_utf8(decoded).map_err(|_| invalid())?;
    let object: Result<serde_json::Map<String, serde_json::Value>, _> = serde_json::from_str(&context);
    if object.is_err() || HeaderValue::from_str(&context).is_err() {
        return Err(invalid());
    }
    Ok(Some(context))
}

async fn payload(body: Body, invocation_type: InvocationType) -> Result<Bytes, ServiceError> {
    let limit = match invocation_type {
        InvocationType::Event => MAX_ASYNC_EVENT_BYTES,
        InvocationType::RequestResponse | InvocationType::DryRun => MAX_EVENT_BYTES,
    };
    let payload = read_body(body, limit).await.map_err(|error| match error {
        BodyError::TooLarge => ServiceError::TooLarge(limit),
        BodyError::Incomplete => ServiceError::Incomplete,
    })?;
    if payload.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    let text =
        std::str::from_utf8(&payload).map_err(|error| ServiceError::InvalidContent(error.to_string()))?;
    serde_json::from_str::<IgnoredAny>(text)
        .map_err(|error| ServiceError::InvalidContent(error.to_string()))?;
    Ok(payload)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, ServiceError> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let text = value.to_str();
    text.map(Some)
        .map_err(|_| ServiceError::InvalidParameter(format!("{name} holds characters that are not ASCII")))
}
