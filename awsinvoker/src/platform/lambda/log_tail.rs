//! The reports in an invocation's log: whether the function had to be started for it.

use base64::Engine as _;
use serde::Deserialize;

/// A longer start is taken for a mistake; Lambda gives none longer than 15 minutes.
const MAX_INIT_MS: f64 = 3_600_000.0;

/// What the reports say about the start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Start {
    /// Whether there was one: the REPORT line gives its duration, or an INIT_REPORT says that it failed or was tried
    /// again.
    pub cold: bool,
    /// The time in milliseconds that the environment took to initialise, or to be restored from a snapshot; absent if it
    /// was warm, or if the first attempt failed.
    pub init_ms: Option<f64>,
}

/// What a line of the log reports.
enum Report {
    /// How an attempt to initialise ended.
    Init,
    /// How the invocation ended.
    Invocation { init_ms: Option<f64> },
}

#[derive(Deserialize)]
struct PlatformEvent {
    #[serde(rename = "type")]
    kind: String,
    record: Option<Record>,
}

#[derive(Deserialize)]
struct Record {
    metrics: Option<Metrics>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metrics {
    init_duration_ms: Option<f64>,
    restore_duration_ms: Option<f64>,
}

/// Finds the reports in a log tail as the service sends it, in base64. `None` if there is none: the log was cut off, or
/// the header is missing.
pub fn start(log_result: &str) -> Option<Start> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(log_result).ok()?;
    // The tail is cut at a byte, possibly within a character.
    let text = String::from_utf8_lossy(&bytes);
    let reports: Vec<Report> =
        text.lines().rev().filter_map(|line| from_text(line).or_else(|| from_json(line))).collect();
    let init = reports.iter().any(|report| matches!(report, Report::Init));
    let last = reports.iter().find_map(|report| match report {
        Report::Invocation { init_ms } => Some(*init_ms),
        Report::Init => None,
    });
    let init_ms = last.flatten();
    (!reports.is_empty()).then_some(Start { cold: init || init_ms.is_some(), init_ms })
}

fn from_text(line: &str) -> Option<Report> {
    if line.starts_with("INIT_REPORT ") {
        return Some(Report::Init);
    }
    let mut fields = line.strip_prefix("REPORT RequestId:")?.split('\t');
    let init_ms = fields.find_map(|field| {
        let value =
            field.strip_prefix("Init Duration: ").or_else(|| field.strip_prefix("Restore Duration: "))?;
        value.trim().strip_suffix(" ms")?.parse().ok().filter(is_duration)
    });
    Some(Report::Invocation { init_ms })
}

fn from_json(line: &str) -> Option<Report> {
    let event: PlatformEvent = serde_json::from_str(line).ok()?;
    match event.kind.as_str() {
        "platform.initReport" => Some(Report::Init),
        "platform.report" => {
            let metrics = event.record?.metrics?;
            let init_ms = metrics.init_duration_ms.or(metrics.restore_duration_ms).filter(is_duration);
            Some(Report::Invocation { init_ms })
        }
        _ => None,
    }
}

/// Functions write into the same log. What they write may look like a report with a duration that cannot be.
fn is_duration(ms: &f64) -> bool {
    (0.0..=MAX_INIT_MS).contains(ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(log: &[u8]) -> Option<Start> {
        start(&base64::engine::general_purpose::STANDARD.encode(log))
    }

    const WARM: Start = Start { cold: false, init_ms: None };
    const RETRIED: Start = Start { cold: true, init_ms: None };

    fn cold(init_ms: f64) -> Option<Start> {
        Some(Start { cold: true, init_ms: Some(init_ms) })
    }

    #[test]
    fn cold_and_warm_in_text() {
        let warm = "START RequestId: a Version: $LATEST\nhello\nEND RequestId: a\n\
            REPORT RequestId: a\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\t\n";
        assert_eq!(parse(warm.as_bytes()), Some(WARM));
        let started = warm.replace("36 MB\t", "36 MB\tInit Duration: 110.10 ms\t");
        assert_eq!(parse(started.as_bytes()), cold(110.1));
        let traced = started + "XRAY TraceId: 1-5f\tSegmentId: 3\tSampled: true\n";
        assert_eq!(parse(traced.as_bytes()), cold(110.1));
        let restored =
            warm.replace("36 MB\t", "36 MB\tRestore Duration: 250.5 ms\tBilled Restore Duration: 9 ms\t");
        assert_eq!(parse(restored.as_bytes()), cold(250.5));
    }

    #[test]
    fn cold_and_warm_in_json() {
        let report = |metrics: &str| {
            format!(
                r#"{{"time":"t","type":"platform.report","record":{{"requestId":"a","metrics":{metrics}}}}}"#
            )
        };
        let warm =
            format!("{}\n{}\n", r#"{"type":"platform.start","record":{}}"#, report(r#"{"durationMs":1.2}"#));
        assert_eq!(parse(warm.as_bytes()), Some(WARM));
        let started = report(r#"{"durationMs":1.2,"initDurationMs":33.25}"#);
        assert_eq!(parse(started.as_bytes()), cold(33.25));
    }

    #[test]
    fn a_start_that_failed_or_was_tried_again_is_cold() {
        let init = "INIT_REPORT Init Duration: 10008.00 ms\tPhase: init\tStatus: timeout\t\n";
        let report = "REPORT RequestId: a\tDuration: 3.01 ms\tBilled Duration: 4 ms\t\n";
        assert_eq!(parse(format!("{init}hello\n{report}").as_bytes()), Some(RETRIED));
        assert_eq!(parse(init.as_bytes()), Some(RETRIED));
        let init = r#"{"type":"platform.initReport","record":{"phase":"init","status":"error","metrics":{"durationMs":9}}}"#;
        let report = r#"{"type":"platform.report","record":{"metrics":{"durationMs":1.2}}}"#;
        assert_eq!(parse(format!("{init}\n{report}\n").as_bytes()), Some(RETRIED));
    }

    #[test]
    fn a_duration_that_cannot_be_is_no_start() {
        for duration in ["NaN", "inf", "-1", "-inf", "1e300", "3600000.1"] {
            let report = format!("REPORT RequestId: a\tInit Duration: {duration} ms\t\n");
            assert_eq!(parse(report.as_bytes()), Some(WARM), "{duration}");
        }
        for duration in ["-1", "1e300"] {
            let metrics = format!(r#"{{"initDurationMs":{duration}}}"#);
            let report = format!(r#"{{"type":"platform.report","record":{{"metrics":{metrics}}}}}"#);
            assert_eq!(parse(report.as_bytes()), Some(WARM), "{duration}");
        }
        assert_eq!(parse(b"REPORT RequestId: a\tInit Duration: 3600000 ms\t"), cold(3_600_000.0));
    }

    #[test]
    fn says_nothing_when_the_log_does_not() {
        assert_eq!(parse(b"\xffpanicked\n"), None);
        assert_eq!(start("not base64"), None);
        assert_eq!(parse(br#"{"type":"platform.report"}"#), None);
    }
}
