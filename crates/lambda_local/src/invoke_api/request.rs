//! What a client asks for, read from the headers and the body of its request.

use axum::body::Body;
use axum::http::HeaderMap;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::de::IgnoredAny;
use uuid::Uuid;

use crate::clock;
use crate::http_body::{BodyError, read_body};
use crate::invocation::Request;
use crate::refusal::{Constraint, Refusal, Violation};

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
pub(crate) enum InvocationType {
    /// The client waits for the reply.
    RequestResponse,
    /// The client does not wait.
    Event,
    /// The function is not called.
    DryRun,
}

/// A request, and how it is to be answered.
#[derive(Debug)]
pub(crate) struct ClientRequest {
    pub(crate) invocation_type: InvocationType,
    pub(crate) wants_log: bool,
    pub(crate) request: Request,
}

impl ClientRequest {
    /// Reads the request. `may_be_event` says whether the client may decide not to wait.
    ///
    /// # Errors
    /// If a header has a value that it cannot have, or the body is not one JSON value within the limits.
    pub(crate) async fn read(
        headers: &HeaderMap,
        body: Body,
        request_id: &str,
        may_be_event: bool,
    ) -> Result<Self, Refusal> {
        let invocation_type = invocation_type(headers, may_be_event)?;
        let wants_log = wants_log(headers)?;
        let request = Request {
            request_id: request_id.to_owned(),
            trace_id: trace_id(headers)?,
            qualifier: None,
            stream: None,
            client_context: client_context(headers)?,
            wants_log,
            payload: payload(body, invocation_type).await?,
        };
        Ok(Self { invocation_type, wants_log, request })
    }
}

fn invocation_type(headers: &HeaderMap, may_be_event: bool) -> Result<InvocationType, Refusal> {
    match text(headers, INVOCATION_TYPE)? {
        None | Some("RequestResponse") => Ok(InvocationType::RequestResponse),
        Some("Event") if may_be_event => Ok(InvocationType::Event),
        Some("DryRun") => Ok(InvocationType::DryRun),
        Some(other) if may_be_event => {
            Err(not_one_of("invocationType", other, &["Event", "RequestResponse", "DryRun"]))
        }
        Some(other) => Err(not_one_of("invocationType", other, &["RequestResponse", "DryRun"])),
    }
}

fn wants_log(headers: &HeaderMap) -> Result<bool, Refusal> {
    match text(headers, LOG_TYPE)? {
        None | Some("None") => Ok(false),
        Some("Tail") => Ok(true),
        Some(other) => Err(not_one_of("logType", other, &["None", "Tail"])),
    }
}

fn not_one_of(parameter: &'static str, value: &str, values: &'static [&'static str]) -> Refusal {
    Violation { parameter, value: value.to_owned(), constraint: Constraint::OneOf(values) }.into()
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

/// The client context, decoded, as the header of the Runtime API takes it.
fn client_context(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let Some(encoded) = text(headers, CLIENT_CONTEXT)? else { return Ok(None) };
    if encoded.len() > MAX_CONTEXT_BYTES {
        return Err(Refusal::InvalidParameter(format!(
            "{CLIENT_CONTEXT} has {} bytes; expected at most {MAX_CONTEXT_BYTES}",
            encoded.len()
        )));
    }
    let decoded = BASE64_STANDARD.decode(encoded).map_err(|_| Refusal::InvalidContext)?;
    let context = String::from_utf8(decoded).map_err(|_| Refusal::InvalidContext)?;
    let object: Result<serde_json::Map<String, serde_json::Value>, _> = serde_json::from_str(&context);
    object.map(|_| Some(in_a_header(&context))).map_err(|_| Refusal::InvalidContext)
}

/// Writes JSON so that it can be the value of a header: in one line and in ASCII. Its meaning stays the same: line ends
/// and tabs stand only between values, and characters outside ASCII only in strings, where they can be escaped.
fn in_a_header(json: &str) -> String {
    let mut line = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '\n' | '\r' | '\t' => line.push(' '),
            ' '..='~' => line.push(character),
            _ => {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    line.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    line
}

async fn payload(body: Body, invocation_type: InvocationType) -> Result<Bytes, Refusal> {
    let payload = read_body(body, MAX_EVENT_BYTES).await.map_err(|error| match error {
        BodyError::TooLarge => Refusal::TooLarge { limit: MAX_EVENT_BYTES, operation: "InvokeFunction" },
        BodyError::Incomplete => Refusal::Incomplete,
    })?;
    if invocation_type == InvocationType::Event && payload.len() > MAX_ASYNC_EVENT_BYTES {
        return Err(Refusal::EventTooLarge { bytes: payload.len(), limit: MAX_ASYNC_EVENT_BYTES });
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_context_fits_into_a_header() {
        for (json, expected) in [
            ("{\n\t\"a\": 1\r\n}", "{  \"a\": 1  }"),
            (r#"{"a":"ä€"}"#, r#"{"a":"\u00e4\u20ac"}"#),
            (r#"{"😀":"\n"}"#, r#"{"\ud83d\ude00":"\n"}"#),
            ("{\"a\":\"\u{7f}\"}", r#"{"a":"\u007f"}"#),
        ] {
            let line = in_a_header(json);
            assert_eq!(line, expected);
            let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
            assert_eq!(value(&line), value(json), "the meaning is the same");
        }
    }

    #[test]
    fn what_is_no_client_context_is_refused() {
        let context = |text: &[u8]| {
            let headers = [(CLIENT_CONTEXT, BASE64_STANDARD.encode(text))];
            let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            client_context(&HeaderMap::from_iter(headers))
        };
        assert_eq!(context(b"{}"), Ok(Some("{}".to_owned())));
        for wrong in [&b"1"[..], b"", b"[]", b"{} {}", b"\xff", b"{\"a\":\"\n\"}"] {
            assert_eq!(context(wrong), Err(Refusal::InvalidContext), "{wrong:?}");
        }
        assert!(matches!(context(&[b' '; 2688]), Err(Refusal::InvalidParameter(_))), "3584 bytes of base64");
    }
}
