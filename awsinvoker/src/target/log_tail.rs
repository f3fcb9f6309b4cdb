//! The REPORT line at the end of an invocation's log: whether the function had to be started for it.

use base64::Engine as _;
use serde::Deserialize;

/// What the REPORT line says about the start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Start {
    /// The time that the environment took to initialise, or to be restored from a snapshot; absent if it was warm.
    pub init_ms: Option<f64>,
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

/// Finds the REPORT line in a log tail as the service sends it, in base64. `None` if there is none: the log was cut
/// off, or the header is missing.
pub fn start(log_result: &str) -> Option<Start> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(log_result).ok()?;
    // The tail is cut at a byte, possibly within a character.
    String::from_utf8_lossy(&bytes).lines().rev().find_map(|line| from_text(line).or_else(|| from_json(line)))
}

fn from_text(line: &str) -> Option<Start> {
    let mut fields = line.strip_prefix("REPORT RequestId:")?.split('\t');
    let init_ms = fields.find_map(|field| {
        let value =
            field.strip_prefix("Init Duration: ").or_else(|| field.strip_prefix("Restore Duration: "))?;
        value.trim().strip_suffix(" ms")?.parse().ok()
    });
    Some(Start { init_ms })
}

fn from_json(line: &str) -> Option<Start> {
    let event: PlatformEvent = serde_json::from_str(line).ok()?;
    let metrics = event.record.filter(|_| event.kind == "platform.report")?.metrics?;
    Some(Start { init_ms: metrics.init_duration_ms.or(metrics.restore_duration_ms) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(log: &[u8]) -> Option<Start> {
        start(&base64::engine::general_purpose::STANDARD.encode(log))
    }

    #[test]
    fn cold_and_warm_in_text() {
        let warm = "START RequestId: a Version: $LATEST\nhello\nEND RequestId: a\n\
            REPORT RequestId: a\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\t\n";
        assert_eq!(parse(warm.as_bytes()), Some(Start { init_ms: None }));
        let cold = warm.replace("36 MB\t", "36 MB\tInit Duration: 110.10 ms\t");
        assert_eq!(parse(cold.as_bytes()), Some(Start { init_ms: Some(110.1) }));
        let traced = cold + "XRAY TraceId: 1-5f\tSegmentId: 3\tSampled: true\n";
        assert_eq!(parse(traced.as_bytes()), Some(Start { init_ms: Some(110.1) }));
        let restored =
            warm.replace("36 MB\t", "36 MB\tRestore Duration: 250.5 ms\tBilled Restore Duration: 9 ms\t");
        assert_eq!(parse(restored.as_bytes()), Some(Start { init_ms: Some(250.5) }));
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
        assert_eq!(parse(warm.as_bytes()), Some(Start { init_ms: None }));
        let cold = report(r#"{"durationMs":1.2,"initDurationMs":33.25}"#);
        assert_eq!(parse(cold.as_bytes()), Some(Start { init_ms: Some(33.25) }));
    }

    #[test]
    fn says_nothing_when_the_log_does_not() {
        assert_eq!(parse(b"\xffpanicked\n"), None);
        assert_eq!(start("not base64"), None);
        assert_eq!(parse(br#"{"type":"platform.report"}"#), None);
    }
}
