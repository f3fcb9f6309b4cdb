//! The answers of injected functions. They look like those of a real one.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

use super::model::{Draw, Kind};
use crate::environment::report::{Report, end_line, start_line};
use crate::invocation::Reply;
use crate::outcome::Failure;

/// The memory that an injected function reports, in MB. It uses none.
const MEMORY_MB: u32 = 128;

/// What the function answers, with the log of its invocation.
pub(super) fn reply(draw: &Draw, request_id: &str) -> Reply {
    let latency = Duration::from_nanos(draw.latency_ns.unwrap_or(0));
    let outcome = match draw.kind {
        Kind::FunctionError => Err(Failure::Reported(function_error())),
        _ => Ok(answer(latency)),
    };
    let report = Report {
        request_id,
        duration: latency,
        init_duration: draw.init_ns.map(Duration::from_nanos),
        memory_mb: MEMORY_MB,
        peak_memory_mb: 0,
        failure: outcome.as_ref().err(),
    };
    let mut log = start_line(request_id) + &end_line(request_id);
    // Writing to a string cannot fail.
    let _ = write!(log, "{report}");
    Reply { outcome, log_tail: Bytes::from(log), log_stream: None, environment_age: None }
}

/// A JSON string that holds an object, as the functions of this project answer.
fn answer(latency: Duration) -> Bytes {
    let object = json!({ "latency": latency.as_secs_f64(), "data": "injected" }).to_string();
    Bytes::from(serde_json::Value::String(object).to_string())
}

fn function_error() -> Bytes {
    let error = json!({ "errorMessage": "this failure was injected", "errorType": "InjectedError", "stackTrace": [] });
    Bytes::from(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(draw: Draw) -> String {
        let Reply { outcome, log_tail, .. } = reply(&draw, "ID");
        let (what, body) = match outcome {
            Ok(body) => ("answer", body),
            Err(Failure::Reported(body)) => ("error", body),
            Err(other) => panic!("{other:?}"),
        };
        format!(
            "{what} {}\n{}",
            String::from_utf8_lossy(&body),
            String::from_utf8_lossy(&log_tail).replace('\t', "|")
        )
    }

    #[test]
    fn a_cold_answer_a_warm_one_and_an_error() {
        let warm = Draw { kind: Kind::Answer, latency_ns: Some(12_345_678), init_ns: None };
        insta::assert_snapshot!(text(warm), @r#"
        answer "{\"data\":\"injected\",\"latency\":0.012345678}"
        START RequestId: ID Version: $LATEST
        END RequestId: ID
        REPORT RequestId: ID|Duration: 12.35 ms|Billed Duration: 13 ms|Memory Size: 128 MB|Max Memory Used: 0 MB|
        "#);
        let cold = Draw { init_ns: Some(150_250_000), ..warm };
        insta::assert_snapshot!(text(cold), @r#"
        answer "{\"data\":\"injected\",\"latency\":0.012345678}"
        START RequestId: ID Version: $LATEST
        END RequestId: ID
        REPORT RequestId: ID|Duration: 12.35 ms|Billed Duration: 163 ms|Memory Size: 128 MB|Max Memory Used: 0 MB|Init Duration: 150.25 ms|
        "#);
        insta::assert_snapshot!(text(Draw { kind: Kind::FunctionError, ..warm }), @r#"
        error {"errorMessage":"this failure was injected","errorType":"InjectedError","stackTrace":[]}
        START RequestId: ID Version: $LATEST
        END RequestId: ID
        REPORT RequestId: ID|Duration: 12.35 ms|Billed Duration: 13 ms|Memory Size: 128 MB|Max Memory Used: 0 MB|
        "#);
    }
}
