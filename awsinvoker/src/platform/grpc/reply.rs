//! What an answer says.

use http::header::CONTENT_TYPE;
use run_record::{Cause, Outcome, Reply, units};

use super::endpoint::Service;
use super::message::{self, BodyError, FaasReply, HelloReply};
use super::status::{self, Code};
use super::told::Told;
use crate::platform::answer;
use crate::platform::cause::{MAX_MESSAGE_CHARS, MAX_NAME_CHARS, one_line};
use crate::platform::http::http2::Answer;
use crate::text::shortened;

const STATUS: &str = "grpc-status";
const MESSAGE: &str = "grpc-message";

/// What was asked for, as far as it decides how an answer is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) service: Service,
    /// Whether an event was sent, which functions answer with JSON.
    pub(super) is_event: bool,
    /// What the call might take, in nanoseconds.
    pub(super) timeout_ns: u64,
}

/// How a call ended that was not a success.
type Failed = (Outcome, Cause);

/// What an answer says. `answered_ns` is the time from issuing the call to the first byte of the answer, in nanoseconds.
pub(super) fn read(answer: &Answer, asked: Asked, answered_ns: Option<u64>) -> Reply {
    let told = Told::read(&answer.headers, answer.trailers.as_ref());
    let cold = told.cold(answered_ns);
    let is_late = answered_ns.is_some_and(|ns| ns >= asked.timeout_ns);
    let ended = check_status(answer, &told, is_late).and_then(|()| latency_s(&answer.body, asked));
    let (outcome, latency_s, cause) = match ended {
        Ok(latency_s) => (Outcome::Ok, latency_s.or(told.handler_ns.map(units::s)), None),
        Err((outcome, cause)) => (outcome, None, Some(cause)),
    };
    Reply {
        function_latency_s: latency_s,
        cold,
        report: told.report(cold),
        answer_bytes: Some(answer.body.len() as u64),
        environment: told.instance,
        cause,
        ..Reply::with_outcome(outcome)
    }
}

/// A digest of what a greeter said. An executor tells only what it measured, which differs from call to call.
pub(super) fn digest(answer: &Answer, asked: Asked) -> Option<String> {
    match asked.service {
        Service::Greeter => {
            let reply: HelloReply = message::read(&answer.body).ok()?;
            answer::text_digest(&reply.message)
        }
        Service::Executor => None,
    }
}

/// The status is in the trailers, or in the headers of an answer that consists of them alone.
fn check_status(answer: &Answer, told: &Told, is_late: bool) -> Result<(), Failed> {
    let metadata = answer.trailers.as_ref().unwrap_or(&answer.headers);
    let Some(grpc_status) = metadata.get(STATUS) else { return Err(without_status(answer)) };
    let code = Code::read(grpc_status.to_str().unwrap_or_default());
    if code == Code::OK {
        return Ok(());
    }
    let said = metadata.get(MESSAGE).and_then(|message| message.to_str().ok()).map(status::message);
    let said = said.filter(|said| !said.is_empty()).unwrap_or_else(|| "no message".to_owned());
    let cause = Cause {
        status: Some(answer.status.as_u16()),
        code: Some(code.name().to_owned()),
        reason: told.error_type.as_deref().map(|name| shortened(name, MAX_NAME_CHARS)),
        message: shortened(&said, MAX_MESSAGE_CHARS),
    };
    Err((code.outcome(told.error_type.is_some(), is_late), cause))
}

/// What says an answer that does not come from a server of gRPC, or lost its end on the way.
fn without_status(answer: &Answer) -> Failed {
    let content_type =
        answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("none");
    let message = if !answer.status.is_success() {
        one_line(&answer.body).unwrap_or_else(|| "no message".to_owned())
    } else if content_type.starts_with("application/grpc") {
        "the answer ended without `grpc-status`: its trailers were cut off on the way, or have more than 64 KiB"
            .to_owned()
    } else {
        format!("`content-type` is `{content_type}`, expected application/grpc: no gRPC server answered")
    };
    let message = shortened(&message, MAX_MESSAGE_CHARS);
    let cause = Cause { status: Some(answer.status.as_u16()), message, ..Cause::default() };
    (status::http_outcome(answer.status), cause)
}

/// The latency in seconds that the function reports in its message, if it reports one.
fn latency_s(body: &[u8], asked: Asked) -> Result<Option<f64>, Failed> {
    let bad = |message: String| {
        (Outcome::BadAnswer, Cause { message: shortened(&message, MAX_MESSAGE_CHARS), ..Cause::default() })
    };
    let undecoded = |error: BodyError| bad(error.to_string());
    match asked.service {
        Service::Greeter => {
            let reply: HelloReply = message::read(body).map_err(undecoded)?;
            match answer::latency_s(reply.message.as_bytes()) {
                Ok(latency) => Ok(latency),
                // A greeting is any text.
                Err(_) if !asked.is_event => Ok(None),
                Err(error) => Err(bad(format!("`message`: {error}"))),
            }
        }
        Service::Executor => {
            let reply: FaasReply = message::read(body).map_err(undecoded)?;
            // 0 is what a field has that was not sent.
            let us = Some(reply.duration_in_micro_sec).filter(|us| *us > 0);
            Ok(us.map(|us| units::s(u64::from(us) * units::NS_PER_US)))
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

    use super::*;

    const EVENT: Asked = Asked { service: Service::Greeter, is_event: true, timeout_ns: 2000 };
    const NAME: Asked = Asked { service: Service::Greeter, is_event: false, timeout_ns: 2000 };
    const EXECUTOR: Asked = Asked { service: Service::Executor, is_event: false, timeout_ns: 2000 };

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    fn answer(
        status: u16,
        head: &[(&'static str, &str)],
        body: &[u8],
        trailers: &[(&'static str, &str)],
    ) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: headers(head),
            body: body.to_vec(),
            trailers: (!trailers.is_empty()).then(|| headers(trailers)),
        }
    }

    fn said(message: &str) -> Vec<u8> {
        message::body(&HelloReply { message: message.to_owned() })
    }

    /// The outcome and the latency of a success with this body.
    fn success(body: &[u8], asked: Asked, trailers: &[(&'static str, &str)]) -> (Outcome, Option<f64>) {
        let trailers = [&[("grpc-status", "0")], trailers].concat();
        let reply = read(&answer(200, &[], body, &trailers), asked, None);
        (reply.outcome, reply.function_latency_s)
    }

    #[test]
    fn a_latency_is_that_of_the_message_or_of_the_handler() {
        let event = said(r#"{"latency": 0.25}"#);
        let handler = [("function-handler-ns", "2000000000")];
        assert_eq!(success(&event, EVENT, &handler), (Outcome::Ok, Some(0.25)));
        assert_eq!(success(&event, NAME, &[]), (Outcome::Ok, Some(0.25)));
        assert_eq!(success(&said("{}"), EVENT, &handler), (Outcome::Ok, Some(2.0)));
        assert_eq!(success(&said("Hello, record_response!"), NAME, &handler), (Outcome::Ok, Some(2.0)));
        assert_eq!(success(&said("Hello, record_response!"), NAME, &[]), (Outcome::Ok, None));
        let faas = |us| message::body(&FaasReply { duration_in_micro_sec: us, ..FaasReply::default() });
        assert_eq!(success(&faas(1500), EXECUTOR, &handler), (Outcome::Ok, Some(0.0015)));
        assert_eq!(success(&faas(0), EXECUTOR, &handler), (Outcome::Ok, Some(2.0)));
    }

    #[test]
    fn greeters_have_digests_as_on_lambda_and_executors_have_none() {
        let digest = |body: &[u8], asked| super::digest(&answer(200, &[], body, &[]), asked);
        let event = said(r#"{"latency": 0.25, "data": "x"}"#);
        assert_eq!(digest(&event, EVENT), answer::digest(br#""{\"data\": \"x\"}""#));
        assert!(digest(&said("Hello"), NAME).is_some());
        assert_eq!((digest(b"", NAME), digest(&event, EXECUTOR)), (None, None));
    }

    #[test]
    fn what_is_told_is_kept() {
        let trailers = [
            ("grpc-status", "0"),
            ("function-instance", "ab12"),
            ("function-request", "1"),
            ("function-init-ns", "500"),
            ("function-ready-ns", "20"),
            ("function-queue-ns", "3"),
            ("function-handler-ns", "8"),
            ("function-answer-ns", "2"),
        ];
        let reply = read(&answer(200, &[], &said("x"), &trailers), NAME, Some(1000));
        assert_eq!((reply.environment.as_deref(), reply.cold), (Some("ab12"), Some(true)));
        assert_eq!(
            (reply.report.init_ns, reply.report.duration_ns, reply.report.age_ns),
            (Some(500), Some(10), Some(23))
        );
        assert_eq!((reply.answer_bytes, reply.cause), (Some(8), None));
        let mut trailers = trailers;
        trailers[2].1 = "2";
        assert_eq!(read(&answer(200, &[], &said("x"), &trailers), NAME, Some(30)).cold, Some(false));
    }

    #[test]
    fn a_call_that_its_server_ended_after_the_time_out_timed_out() {
        let outcome = |ns| read(&answer(200, &[("grpc-status", "1")], b"", &[]), EVENT, Some(ns)).outcome;
        assert_eq!([outcome(1999), outcome(2000)], [Outcome::ServiceError, Outcome::Timeout]);
    }

    /// How a failure reads.
    fn failure(answer: &Answer) -> String {
        let reply = read(answer, EVENT, None);
        assert_eq!(reply.function_latency_s, None);
        format!("{}: {}", reply.outcome.name(), reply.cause.unwrap())
    }

    #[test]
    fn failures_are_told_with_all_that_is_said() {
        let trailers = [
            ("grpc-status", "3"),
            ("grpc-message", "InvalidEvent: caf%C3%A9"),
            ("function-error-type", "InvalidEvent"),
        ];
        insta::assert_snapshot!(failure(&answer(200, &[], b"", &trailers)), @"function_error: HTTP 200, INVALID_ARGUMENT (InvalidEvent): InvalidEvent: café");
        let head = [("grpc-status", "14"), ("grpc-message", "no healthy upstream")];
        insta::assert_snapshot!(failure(&answer(200, &head, b"", &[])), @"transport: HTTP 200, UNAVAILABLE: no healthy upstream");
        insta::assert_snapshot!(failure(&answer(200, &[("grpc-status", "12")], b"", &[])), @"service_error: HTTP 200, UNIMPLEMENTED: no message");
        insta::assert_snapshot!(failure(&answer(503, &[("grpc-status", "8")], b"", &[])), @"throttled: HTTP 503, RESOURCE_EXHAUSTED: no message");
        let html = [("content-type", "text/html")];
        insta::assert_snapshot!(failure(&answer(503, &html, b"<html>\n <h1>503</h1>", &[])), @"service_error: HTTP 503: <html> <h1>503</h1>");
        insta::assert_snapshot!(failure(&answer(404, &[], b"", &[])), @"service_error: HTTP 404: no message");
        insta::assert_snapshot!(failure(&answer(200, &html, b"<html>", &[])), @"service_error: HTTP 200: `content-type` is `text/html`, expected application/grpc: no gRPC server answered");
        let grpc = [("content-type", "application/grpc")];
        insta::assert_snapshot!(failure(&answer(200, &grpc, &said("x"), &[])), @"service_error: HTTP 200: the answer ended without `grpc-status`: its trailers were cut off on the way, or have more than 64 KiB");
        let ok = [("grpc-status", "0")];
        insta::assert_snapshot!(failure(&answer(200, &grpc, b"", &ok)), @"bad_answer: the answer has no message, expected one");
        insta::assert_snapshot!(failure(&answer(200, &grpc, &said("Hello, {}!"), &ok)), @"bad_answer: `message`: expected JSON, and a number as its `latency`: expected value at line 1 column 1");
        let long = "x".repeat(5000);
        let trailers =
            [("grpc-status", "2"), ("grpc-message", long.as_str()), ("function-error-type", long.as_str())];
        assert!(failure(&answer(200, &[], b"", &trailers)).chars().count() < 500);
    }
}
