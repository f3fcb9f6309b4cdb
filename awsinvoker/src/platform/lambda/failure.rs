//! Calls that have no answer, or one of the service that is an error, sorted into outcomes.

use http::{HeaderMap, StatusCode};
use run_record::{Cause, Outcome, Reply};
use serde_json::{Map, Value};

use crate::platform::cause::{MAX_MESSAGE_CHARS, MAX_NAME_CHARS, one_line};
use crate::platform::http::{Answer, CallError};
use crate::text::shortened;

const ERROR_TYPE: &str = "x-amzn-errortype";

/// What a call without an answer says.
pub(super) fn without_answer(error: &CallError) -> Reply {
    Reply::without_answer(error.outcome(), shortened(&error.to_string(), MAX_MESSAGE_CHARS))
}

/// The outcome of an answer that is an error. Its status decides rather than the exception's name, on which services and
/// their documentation disagree.
pub(super) fn outcome(status: StatusCode) -> Outcome {
    match status {
        StatusCode::TOO_MANY_REQUESTS => Outcome::Throttled,
        _ => Outcome::ServiceError,
    }
}

/// What an answer that is an error says.
pub(super) fn cause(answer: &Answer) -> Cause {
    let body = serde_json::from_slice::<Map<String, Value>>(&answer.body);
    let text = |keys: &[&str]| {
        let body = body.as_ref().ok()?;
        keys.iter().find_map(|key| body.get(*key)?.as_str()).map(str::to_owned)
    };
    let message = match &body {
        Ok(_) => text(&["message", "Message", "errorMessage"]),
        Err(_) => one_line(&answer.body),
    };
    Cause {
        status: Some(answer.status.as_u16()),
        code: error_type(&answer.headers)
            .or_else(|| text(&["__type", "code", "Code"]))
            .map(|name| shortened(bare(&name), MAX_NAME_CHARS)),
        reason: text(&["Reason", "reason"]).map(|reason| shortened(&reason, MAX_NAME_CHARS)),
        message: shortened(message.as_deref().unwrap_or("no message"), MAX_MESSAGE_CHARS),
    }
}

fn error_type(headers: &HeaderMap) -> Option<String> {
    headers.get(ERROR_TYPE)?.to_str().ok().map(str::to_owned)
}

/// The name in `com.amazonaws.lambda#NAME:http://...`.
fn bare(name: &str) -> &str {
    let name = name.split(':').next().unwrap_or_default();
    name.rsplit('#').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn said(status: u16, error_type: Option<&'static str>, body: &str) -> String {
        let headers = error_type
            .map(|name| (http::HeaderName::from_static(ERROR_TYPE), HeaderValue::from_static(name)));
        let status = StatusCode::from_u16(status).unwrap();
        let answer =
            Answer { status, headers: headers.into_iter().collect(), body: body.as_bytes().to_vec() };
        format!("{}: {}", outcome(status).name(), cause(&answer))
    }

    #[test]
    fn errors_are_told_with_all_that_the_service_says() {
        let throttled =
            r#"{"Reason": "CallerRateLimitExceeded", "Type": "User", "message": "Rate Exceeded."}"#;
        insta::assert_snapshot!(said(429, Some("TooManyRequestsException"), throttled), @"throttled: HTTP 429, TooManyRequestsException (CallerRateLimitExceeded): Rate Exceeded.");
        let expired = r#"{"message": "The security token included in the request is expired"}"#;
        insta::assert_snapshot!(said(403, Some("ExpiredTokenException:http://internal.amazon.com/"), expired), @"service_error: HTTP 403, ExpiredTokenException: The security token included in the request is expired");
        insta::assert_snapshot!(said(400, None, r#"{"__type": "com.amazonaws#ValidationException", "Message": "bad"}"#), @"service_error: HTTP 400, ValidationException: bad");
        insta::assert_snapshot!(said(500, None, r#"{"code": 7, "message": null}"#), @"service_error: HTTP 500: no message");
        insta::assert_snapshot!(said(503, None, "<html>\r\n  <h1>503 Service\tUnavailable</h1>\r\n</html>\r\n"), @"service_error: HTTP 503: <html> <h1>503 Service Unavailable</h1> </html>");
        insta::assert_snapshot!(said(502, None, ""), @"service_error: HTTP 502: no message");
        insta::assert_snapshot!(said(302, None, "[]"), @"service_error: HTTP 302: []");
        insta::assert_snapshot!(said(500, None, r#"{"code": "A\u001b[2J", "Reason": "B\u0007", "message": "C\u009b"}"#), @"service_error: HTTP 500, A [2J (B ): C ");
        let long = "x".repeat(5000);
        let object = format!(r#"{{"code": "{long}", "Reason": "{long}", "message": "{long}"}}"#);
        assert!(said(500, None, &long).chars().count() < 350);
        assert!(said(500, None, &object).chars().count() < 550);
    }
}
