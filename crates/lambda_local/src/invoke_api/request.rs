//! What a client asks for, read from the headers and the body of its request.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::de::IgnoredAny;
use uuid::Uuid;

use crate::clock;
use crate::http_body::{BodyError, read_body};
use crate::invocation::Request;
use crate::refusal::Refusal;

/// The largest event of a call that waits for the reply, in bytes.
const MAX_EVENT_BYTES: usize = 6_291_456;
/// The largest event of an asynchronous call, in bytes.
const MAX_ASYNC_EVENT_BYTES: usize = 1_048_576;
/// The largest client context, in bytes of base64.
const MAX_CONTEXT_BYTES: usize = 3583;

const CLIENT_CONTEXT: &str = "x-amz-client-context";
const INVOCATION_TYPE: &str = "x-amz-invocation-type";
const LOG_TYPE: &str = "x-amz-log-type";
const TRACE_ID: &str = "x-amzn-trace-id";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InvocationType {
    /// The client waits for the reply.
    RequestResponse,
    /// The client does not wait.
    Event,
    /// The function is not called.
    DryRun,
}

/// A request, and how it is to be answered.
#[derive(Debug)]
pub(super) struct ClientRequest {
    pub(super) invocation_type: InvocationType,
    pub(super) wants_log: bool,
    pub(super) request: Request,
}

impl ClientRequest {
    /// Reads the request.
    ///
    /// # Errors
    /// If a header has a value that it cannot have, or the body is not one JSON value within the limits.
    pub(super) async fn read(headers: &HeaderMap, body: Body, request_id: &str) -> Result<Self, Refusal> {
        let invocation_type = invocation_type(headers)?;
        let wants_log = wants_log(headers)?;
        let request = Request {
            request_id: request_id.to_owned(),
            trace_id: trace_id(headers)?,
            client_context: client_context(headers)?,
            payload: payload(body, invocation_type).await?,
        };
        Ok(Self { invocation_type, wants_log, request })
    }
}

fn invocation_type(headers: &HeaderMap) -> Result<InvocationType, Refusal> {
    match text(headers, INVOCATION_TYPE)? {
        None | Some("RequestResponse") => Ok(InvocationType::RequestResponse),
        Some("Event") => Ok(InvocationType::Event),
        Some("DryRun") => Ok(InvocationType::DryRun),
        Some(other) => Err(Refusal::InvalidParameter(format!(
            "{INVOCATION_TYPE} is {other:?}; expected RequestResponse, Event or DryRun"
        ))),
    }
}

fn wants_log(headers: &HeaderMap) -> Result<bool, Refusal> {
    match text(headers, LOG_TYPE)? {
        None | Some("None") => Ok(false),
        Some("Tail") => Ok(true),
        Some(other) => {
            Err(Refusal::InvalidParameter(format!("{LOG_TYPE} is {other:?}; expected None or Tail")))
        }
    }
}

/// The trace that the client gave, or a new one that is not sampled.
fn trace_id(headers: &HeaderMap) -> Result<String, Refusal> {
    let given = text(headers, TRACE_ID)?;
    Ok(given.map_or_else(new_trace_id, str::to_owned))
}

fn new_trace_id() -> String {
    let now = clock::epoch_seconds();
    let (root, parent) = (Uuid::new_v4().simple().to_string(), Uuid::new_v4().simple().to_string());
    format!("Root=1-{:08x}-{};Parent={};Sampled=0", now, &root[..24], &parent[..16])
}

/// The client context, decoded.
fn client_context(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let Some(encoded) = text(headers, CLIENT_CONTEXT)? else { return Ok(None) };
    if encoded.len() > MAX_CONTEXT_BYTES {
        return Err(Refusal::InvalidParameter(format!(
            "{CLIENT_CONTEXT} has {} bytes; expected at most {MAX_CONTEXT_BYTES}",
            encoded.len()
        )));
    }
    let invalid =
        || Refusal::InvalidContent(format!("{CLIENT_CONTEXT} is not base64 of a JSON object in one line"));
    let decoded = BASE64_STANDARD.decode(encoded).map_err(|_| invalid())?;
    let context = String::from_utf8(decoded).map_err(|_| invalid())?;
    let object: Result<serde_json::Map<String, serde_json::Value>, _> = serde_json::from_str(&context);
    if object.is_err() || HeaderValue::from_str(&context).is_err() {
        return Err(invalid());
    }
    Ok(Some(context))
}

async fn payload(body: Body, invocation_type: InvocationType) -> Result<Bytes, Refusal> {
    let limit = match invocation_type {
        InvocationType::Event => MAX_ASYNC_EVENT_BYTES,
        InvocationType::RequestResponse | InvocationType::DryRun => MAX_EVENT_BYTES,
    };
    let payload = read_body(body, limit).await.map_err(|error| match error {
        BodyError::TooLarge => Refusal::TooLarge(limit),
        BodyError::Incomplete => Refusal::Incomplete,
    })?;
    if payload.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    let text = std::str::from_utf8(&payload).map_err(|error| Refusal::InvalidContent(error.to_string()))?;
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| Refusal::InvalidContent(error.to_string()))?;
    Ok(payload)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Refusal> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let text = value.to_str();
    text.map(Some)
        .map_err(|_| Refusal::InvalidParameter(format!("{name} holds characters that are not ASCII")))
}
