//! What a client is told of its invocation: the one place where that is decided.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde_json::json;

use super::event_stream::Complete;
use crate::config::VERSION;
use crate::invocation::Reply;
use crate::outcome::{Failure, Outcome};
use crate::refusal::Refusal;

pub(super) const EXECUTED_VERSION: HeaderName = HeaderName::from_static("x-amz-executed-version");
const FUNCTION_ERROR: HeaderName = HeaderName::from_static("x-amz-function-error");
/// Which environment served the request. AWS has no such header.
const ENVIRONMENT: HeaderName = HeaderName::from_static("lambda-local-environment");
const ENVIRONMENT_AGE: HeaderName = HeaderName::from_static("lambda-local-environment-age-ns");
const LOG_RESULT: HeaderName = HeaderName::from_static("x-amz-log-result");

/// What Lambda calls every error of a function.
const UNHANDLED: &str = "Unhandled";

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
        Err(
            Failure::Reported(body)
            | Failure::InitReported { body, .. }
            | Failure::StreamFailed { details: body, .. },
        ) => Ok(Told::FunctionError(body)),
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
        Failure::ReplyTooLarge | Failure::StreamTooLarge => [message, error_type],
        _ => [error_type, message],
    };
    format!(r#"{{"{first}":{one},"{second}":{two}}}"#)
}

/// The response to a request that an environment has served or failed to serve.
pub(crate) fn respond(reply: Reply, request_id: &str, wants_log: bool) -> Response {
    let (body, failed) = match tell(reply.outcome, request_id) {
        Ok(Told::Reply(body)) => (body, false),
        Ok(Told::FunctionError(body)) => (body, true),
        Err(refusal) => return refusal.into_response(),
    };
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert(EXECUTED_VERSION, HeaderValue::from_static(VERSION));
    if let Some(Ok(log_stream)) = reply.log_stream.map(HeaderValue::try_from) {
        headers.insert(ENVIRONMENT, log_stream);
    }
    if let Some(age) = reply.environment_age {
        headers.insert(ENVIRONMENT_AGE, HeaderValue::from(u64::try_from(age.as_nanos()).unwrap_or(u64::MAX)));
    }
    if failed {
        headers.insert(FUNCTION_ERROR, HeaderValue::from_static(UNHANDLED));
    }
    if wants_log && let Ok(log) = HeaderValue::from_str(&BASE64_STANDARD.encode(&reply.log_tail)) {
        headers.insert(LOG_RESULT, log);
    }
    response
}

/// How a streamed response ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ending {
    /// The reply, if the runtime did not stream it.
    pub(super) reply: Bytes,
    pub(super) complete: Complete,
}

/// Decides how the response ends to a client that wants a stream.
///
/// # Errors
/// If no environment could serve the request.
pub(super) fn ending(reply: Reply, request_id: &str, wants_log: bool) -> Result<Ending, Refusal> {
    let reported = match &reply.outcome {
        Err(Failure::StreamFailed { error_type, .. }) => Some(error_type.clone()),
        _ => None,
    };
    let (reply_body, error) = match tell(reply.outcome, request_id)? {
        Told::Reply(body) => (body, None),
        Told::FunctionError(error) => (Bytes::new(), Some(error)),
    };
    let complete = Complete {
        error_code: error.is_some().then(|| reported.unwrap_or_else(|| UNHANDLED.to_owned())),
        error_details: error.map(|error| String::from_utf8_lossy(&error).into_owned()),
        log_result: wants_log.then(|| BASE64_STANDARD.encode(&reply.log_tail)),
    };
    Ok(Ending { reply: reply_body, complete })
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
    fn an_answer_names_its_environment_and_how_long_that_had_been_ready() {
        let headers = |age| {
            let log_stream = Some("local/[$LATEST]01".to_owned());
            let reply = Reply {
                outcome: Ok(Bytes::from("1")),
                log_tail: Bytes::new(),
                log_stream,
                environment_age: age,
            };
            let response = respond(reply, "ID", false);
            [ENVIRONMENT, ENVIRONMENT_AGE]
                .map(|name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned()))
        };
        let name = Some("local/[$LATEST]01".to_owned());
        assert_eq!(headers(Some(Duration::from_micros(5))), [name.clone(), Some("5000".to_owned())]);
        assert_eq!(headers(None), [name, None]);
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
                Err(Failure::StreamFailed { error_type: "T".to_owned(), details: Bytes::from("{}") }),
                Ok(Told::FunctionError(Bytes::from("{}"))),
            ),
            (Err(Failure::Unavailable("x".to_owned())), Err(Refusal::Unavailable("x".to_owned()))),
            (Err(Failure::Stopping), Err(Refusal::Stopping)),
        ] {
            assert_eq!(tell(outcome.clone(), "ID"), expected, "{outcome:?}");
        }
    }

    #[test]
    fn how_a_streamed_response_ends() {
        let stream_failed =
            || Failure::StreamFailed { error_type: "T".to_owned(), details: Bytes::from("{}") };
        for (outcome, reply, code, details) in [
            (Ok(Bytes::new()), "", None, None),
            (Ok(Bytes::from("1")), "1", None, None),
            (Err(Failure::Reported(Bytes::from("{}"))), "", Some("Unhandled"), Some("{}")),
            (Err(stream_failed()), "", Some("T"), Some("{}")),
            (
                Err(Failure::StreamTooLarge),
                "",
                Some("Unhandled"),
                Some(
                    r#"{"errorMessage":"Response payload size exceeded maximum allowed payload size (209715200 bytes).","errorType":"Function.ResponseSizeTooLarge"}"#,
                ),
            ),
        ] {
            for log in [None, Some("bG9n")] {
                let reply_of = Reply {
                    outcome: outcome.clone(),
                    log_tail: Bytes::from("log"),
                    log_stream: None,
                    environment_age: None,
                };
                let complete = Complete {
                    error_code: code.map(str::to_owned),
                    error_details: details.map(str::to_owned),
                    log_result: log.map(str::to_owned),
                };
                let expected = Ending { reply: Bytes::from(reply), complete };
                assert_eq!(ending(reply_of, "ID", log.is_some()), Ok(expected));
            }
        }
        let stopping = Reply {
            outcome: Err(Failure::Stopping),
            log_tail: Bytes::new(),
            log_stream: None,
            environment_age: None,
        };
        assert_eq!(ending(stopping, "ID", true), Err(Refusal::Stopping));
    }
}
