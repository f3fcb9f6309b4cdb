//! What an answer of the Invoke API holds.

use http::HeaderMap;
use run_record::{Cause, Outcome, Reply, Report};
use serde::Deserialize;

use super::failure;
use super::log_tail::{self, Tail};
use crate::platform::answer;
use crate::platform::cause::{MAX_MESSAGE_CHARS, MAX_NAME_CHARS};
use crate::platform::http::Answer;
use crate::text::shortened;

const REQUEST_ID: &str = "x-amzn-requestid";
const LOG_RESULT: &str = "x-amz-log-result";
const FUNCTION_ERROR: &str = "x-amz-function-error";
/// In which environment lambda-local ran the function: the name of its log stream. AWS has no such header.
const ENVIRONMENT: &str = "lambda-local-environment";
/// For how long that environment had been ready when the function began, in nanoseconds.
const ENVIRONMENT_AGE: &str = "lambda-local-environment-age-ns";
/// The name of a log stream is far shorter.
const MAX_ENVIRONMENT_CHARS: usize = 200;

/// What runtimes send when a function fails.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionError {
    error_type: Option<String>,
    error_message: Option<String>,
}

/// What an answer says.
pub(super) fn read(answer: &Answer, asynchronous: bool) -> Reply {
    let request_id = text(&answer.headers, REQUEST_ID);
    let tail =
        text(&answer.headers, LOG_RESULT).and_then(|log| log_tail::read(log, request_id)).unwrap_or_default();
    let ended = match answer.status {
        status if !status.is_success() => Err((failure::outcome(status), failure::cause(answer))),
        // There is nothing in it that the function said.
        _ if asynchronous => Ok(None),
        _ => latency(answer, &tail),
    };
    let (outcome, function_latency_s, cause) = match ended {
        Ok(latency) => (Outcome::Ok, latency, None),
        Err((outcome, cause)) => (outcome, None, Some(cause)),
    };
    let environment = text(&answer.headers, ENVIRONMENT).map(|name| shortened(name, MAX_ENVIRONMENT_CHARS));
    Reply {
        request_id: request_id.map(|id| shortened(id, MAX_NAME_CHARS)),
        function_latency_s,
        cold: tail.cold,
        report: Report {
            age_ns: text(&answer.headers, ENVIRONMENT_AGE).and_then(|age| age.parse().ok()),
            ..tail.report
        },
        answer_bytes: Some(answer.body.len() as u64),
        environment: environment.or(tail.environment),
        cause,
        ..Reply::with_outcome(outcome)
    }
}

/// The latency that the function reports, if it reports one.
fn latency(answer: &Answer, tail: &Tail) -> Result<Option<f64>, (Outcome, Cause)> {
    match text(&answer.headers, FUNCTION_ERROR) {
        Some(kind) => Err((Outcome::FunctionError, function_error(kind, &answer.body, tail))),
        None => answer::latency_s(&answer.body).map_err(|error| {
            let message = shortened(&error.to_string(), MAX_MESSAGE_CHARS);
            (Outcome::BadAnswer, Cause { message, ..Cause::default() })
        }),
    }
}

/// The body says what the runtime or the platform wrote. The report says how the platform saw it end: a status that says
/// more than that there was an error is the reason, and it names the type of an error where the body does not.
fn function_error(kind: &str, payload: &[u8], tail: &Tail) -> Cause {
    let (code, message) = match answer::object::<FunctionError>(payload) {
        Ok(FunctionError { error_type, error_message }) => {
            (error_type, error_message.unwrap_or_else(|| "no message".to_owned()))
        }
        Err(_) => (None, String::from_utf8_lossy(payload).into_owned()),
    };
    Cause {
        code: Some(shortened(code.as_deref().or(tail.error_type.as_deref()).unwrap_or(kind), MAX_NAME_CHARS)),
        reason: tail.status.clone().filter(|status| status != "error"),
        message: shortened(&message, MAX_MESSAGE_CHARS),
        ..Cause::default()
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use http::{HeaderName, HeaderValue, StatusCode};

    use super::*;

    fn answer(headers: &[(&'static str, &str)], body: &str) -> Answer {
        let header = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        let headers = headers.iter().map(header).collect();
        Answer { status: StatusCode::OK, headers, body: body.as_bytes().to_vec() }
    }

    #[test]
    fn function_errors_are_read_from_objects_alone() {
        let function_error = |kind: &str, body: &[u8]| function_error(kind, body, &Tail::default());
        let object = br#"{"errorType": "Exit", "errorMessage": "died"}"#;
        assert_eq!(function_error("Unhandled", object).to_string(), "Exit: died");
        let array = br#"["Exit", "died"]"#;
        assert_eq!(function_error("Unhandled", array).to_string(), r#"Unhandled: ["Exit", "died"]"#);
        let escape = br#"{"errorType": "E\u001b[31m", "errorMessage": "m\u001b]0;"}"#;
        assert_eq!(function_error("Unhandled", escape).to_string(), "E [31m: m ]0;");
        assert_eq!(function_error(&"k".repeat(101), b"{}").code.unwrap().chars().count(), MAX_NAME_CHARS + 1);
    }

    #[test]
    fn the_report_explains_a_failure() {
        let tail = |status: &str, error_type: Option<&str>| Tail {
            status: Some(status.to_owned()),
            error_type: error_type.map(str::to_owned),
            ..Tail::default()
        };
        let timeout = br#"{"errorMessage": "Task timed out after 3.00 seconds"}"#;
        assert_eq!(
            function_error("Unhandled", timeout, &tail("timeout", None)).to_string(),
            "Unhandled (timeout): Task timed out after 3.00 seconds"
        );
        let exit = br#"{"errorMessage": "exited"}"#;
        assert_eq!(
            function_error("Unhandled", exit, &tail("error", Some("Runtime.ExitError"))).to_string(),
            "Runtime.ExitError: exited"
        );
    }

    #[test]
    fn an_answer_is_read_with_its_log_and_its_environment() {
        let log = "REPORT RequestId: a\tDuration: 3 ms\tBilled Duration: 4 ms\t\n";
        let log = base64::engine::general_purpose::STANDARD.encode(log);
        let headers = [
            (REQUEST_ID, "a"),
            (LOG_RESULT, log.as_str()),
            (ENVIRONMENT, "2026/01/01/[1]ab"),
            (ENVIRONMENT_AGE, "7"),
        ];
        let reply = read(&answer(&headers, r#"{"latency": 0.5}"#), false);
        assert_eq!(
            (reply.outcome, reply.function_latency_s, reply.cold),
            (Outcome::Ok, Some(0.5), Some(false))
        );
        assert_eq!((reply.report.duration_ns, reply.report.billed_ns), (Some(3_000_000), Some(4_000_000)));
        assert_eq!((reply.request_id.as_deref(), reply.answer_bytes), (Some("a"), Some(16)));
        assert_eq!((reply.environment.as_deref(), reply.report.age_ns), (Some("2026/01/01/[1]ab"), Some(7)));
    }

    #[test]
    fn an_answer_without_a_latency_is_a_success() {
        let outcome = |body: &str, asynchronous: bool| {
            let reply = read(&answer(&[], body), asynchronous);
            (reply.outcome, reply.function_latency_s)
        };
        assert_eq!(outcome("{}", false), (Outcome::Ok, None));
        assert_eq!(outcome("", true), (Outcome::Ok, None));
        assert_eq!(outcome("", false), (Outcome::BadAnswer, None));
        assert_eq!(outcome(r#"{"latency": "fast"}"#, false), (Outcome::BadAnswer, None));
        let failed = read(&answer(&[(FUNCTION_ERROR, "Unhandled")], "{}"), false);
        assert_eq!(failed.outcome, Outcome::FunctionError);
    }
}
