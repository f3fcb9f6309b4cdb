//! The reports in an invocation's log: what the platform measured, and whether the function had to be started.

use std::borrow::Cow;

use base64::Engine as _;
use run_record::{Report, units};
use serde::Deserialize;

/// A longer duration is taken for a mistake. Lambda lets no invocation and no start take longer than 15 minutes.
const MAX_MS: f64 = 3_600_000.0;
/// More memory than this is taken for a mistake. Lambda gives 32 GiB at most.
const MAX_MIB: f64 = 1_000_000.0;
/// `YYYY/MM/DD/` before the version in the name of a log stream.
const DATE: &[u8] = b"0000/00/00/";
/// Hexadecimal digits after the version.
const STREAM_DIGITS: usize = 32;
/// A longer status or type of an error is no report's.
const MAX_WORD_BYTES: usize = 100;
/// A version is `$LATEST` or a number.
const MAX_VERSION_BYTES: usize = 20;

/// What the end of a log says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tail {
    /// Whether the function had to be started: its report gives the duration of that, or an INIT_REPORT says that it failed
    /// or was tried again. Absent if there is no report.
    pub cold: Option<bool>,
    /// What the platform measured.
    pub report: Report,
    /// How the invocation ended, if its report says so: `timeout`, `error` or another word. A report in text says nothing of a
    /// success.
    pub status: Option<String>,
    /// The type of the error that the report names.
    pub error_type: Option<String>,
    /// The name of the log stream, if the function wrote it: it names the environment.
    pub environment: Option<String>,
}

/// A report about an invocation.
struct Invocation<'a> {
    request_id: Cow<'a, str>,
    report: Report,
    status: Option<String>,
    error_type: Option<String>,
}

/// An event in JSON. Its strings may have escapes, and then they cannot be borrowed.
#[derive(Deserialize)]
struct PlatformEvent<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    record: Option<Record<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    #[serde(borrow)]
    request_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow)]
    error_type: Option<Cow<'a, str>>,
    metrics: Option<Metrics>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metrics {
    duration_ms: Option<f64>,
    billed_duration_ms: Option<f64>,
    #[serde(rename = "memorySizeMB")]
    memory_size_mb: Option<f64>,
    #[serde(rename = "maxMemoryUsedMB")]
    max_memory_used_mb: Option<f64>,
    init_duration_ms: Option<f64>,
    restore_duration_ms: Option<f64>,
}

/// Reads a log tail as the service sends it, in base64. An environment that handles several requests at a time may report
/// on others in it: only the report on `request_id` counts, or the last one if no id is known. `None` if the tail is not
/// base64.
pub fn read(log_result: &str, request_id: Option<&str>) -> Option<Tail> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(log_result).ok()?;
    // The tail is cut at a byte, possibly within a character.
    let text = String::from_utf8_lossy(&bytes);
    let invocations: Vec<Invocation<'_>> = text.lines().rev().filter_map(invocation).collect();
    let is_own = |invocation: &&Invocation<'_>| request_id.is_none_or(|id| invocation.request_id == id);
    let own = invocations.iter().find(is_own);
    let report = own.map(|invocation| invocation.report);
    let init = text.lines().any(is_init_report);
    let started = report.is_some_and(|report| report.init_ns.or(report.restore_ns).is_some());
    Some(Tail {
        cold: (init || report.is_some()).then_some(init || started),
        report: report.unwrap_or_default(),
        status: own.and_then(|own| own.status.clone()),
        error_type: own.and_then(|own| own.error_type.clone()),
        environment: log_stream(&text).map(str::to_owned),
    })
}

fn is_init_report(line: &str) -> bool {
    line.starts_with("INIT_REPORT ") || event(line).is_some_and(|event| event.kind == "platform.initReport")
}

fn invocation(line: &str) -> Option<Invocation<'_>> {
    from_text(line).or_else(|| from_json(line))
}

/// `REPORT RequestId: ID\tDuration: 3.01 ms\tBilled Duration: 4 ms\t...`
fn from_text(line: &str) -> Option<Invocation<'_>> {
    let mut fields = line.strip_prefix("REPORT RequestId:")?.split('\t');
    let request_id = Cow::Borrowed(fields.next().unwrap_or_default().trim());
    let mut metrics = Metrics::default();
    let (mut status, mut error_type) = (None, None);
    for (name, value) in fields.filter_map(|field| field.split_once(": ")) {
        let number = |unit: &str| value.trim().strip_suffix(unit)?.trim_end().parse::<f64>().ok();
        match name {
            "Duration" => metrics.duration_ms = number("ms"),
            "Billed Duration" => metrics.billed_duration_ms = number("ms"),
            "Memory Size" => metrics.memory_size_mb = number("MB"),
            "Max Memory Used" => metrics.max_memory_used_mb = number("MB"),
            "Init Duration" => metrics.init_duration_ms = number("ms"),
            "Restore Duration" => metrics.restore_duration_ms = number("ms"),
            "Status" => status = word(value),
            "Error Type" => error_type = word(value),
            _ => {}
        }
    }
    Some(Invocation { request_id, report: metrics.report(), status, error_type })
}

/// A value that is a single word, as a status and the type of an error are.
fn word(value: &str) -> Option<String> {
    let value = value.trim();
    let fits =
        (1..=MAX_WORD_BYTES).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| value.to_owned())
}

fn from_json(line: &str) -> Option<Invocation<'_>> {
    let event = event(line).filter(|event| event.kind == "platform.report")?;
    let Record { request_id, status, error_type, metrics } = event.record?;
    Some(Invocation {
        request_id: request_id.unwrap_or_default(),
        report: metrics?.report(),
        status: status.as_deref().and_then(word),
        error_type: error_type.as_deref().and_then(word),
    })
}

fn event(line: &str) -> Option<PlatformEvent<'_>> {
    line.starts_with('{').then(|| serde_json::from_str(line).ok())?
}

impl Metrics {
    /// Functions write into the same log. What they write may look like a report with values that cannot be.
    fn report(&self) -> Report {
        let ns = |ms: Option<f64>| ms.filter(|ms| (0.0..=MAX_MS).contains(ms)).map(units::ns_from_ms);
        let mib = |mb: Option<f64>| mb.filter(|mb| (0.0..=MAX_MIB).contains(mb)).map(units::rounded);
        Report {
            init_ns: ns(self.init_duration_ms),
            restore_ns: ns(self.restore_duration_ms),
            duration_ns: ns(self.duration_ms),
            billed_ns: ns(self.billed_duration_ms),
            memory_mib: mib(self.memory_size_mb),
            max_memory_mib: mib(self.max_memory_used_mb),
            age_ns: None,
        }
    }
}

/// `2026/01/31/[$LATEST]0123456789abcdef0123456789abcdef`
fn log_stream(text: &str) -> Option<&str> {
    text.match_indices("/[").find_map(|(slash, _)| {
        let start = (slash + 1).checked_sub(DATE.len())?;
        let version = text.get(slash + 2..)?;
        let length = version.bytes().take(MAX_VERSION_BYTES + 1).position(|byte| byte == b']')?;
        let end = slash + 2 + length + 1 + STREAM_DIGITS;
        let name = text.get(start..end)?;
        let is_name = is_date(&name.as_bytes()[..DATE.len()])
            && version[..length].bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'$')
            && name.bytes().rev().take(STREAM_DIGITS).all(|byte| byte.is_ascii_hexdigit());
        is_name.then_some(name)
    })
}

fn is_date(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .zip(DATE)
        .all(|(byte, form)| if *form == b'/' { byte == form } else { byte.is_ascii_digit() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WARM: &str = "START RequestId: a Version: $LATEST\nhello\nEND RequestId: a\n\
        REPORT RequestId: a\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\t\n";
    const STREAM: &str = "2026/01/31/[$LATEST]0123456789abcdef0123456789abcdef";

    fn parse(log: &[u8]) -> Tail {
        read(&base64::engine::general_purpose::STANDARD.encode(log), Some("a")).unwrap()
    }

    fn report() -> Report {
        Report {
            duration_ns: Some(3_010_000),
            billed_ns: Some(4_000_000),
            memory_mib: Some(128),
            max_memory_mib: Some(36),
            ..Report::default()
        }
    }

    fn tail(cold: bool, report: Report) -> Tail {
        Tail { cold: Some(cold), report, ..Tail::default() }
    }

    #[test]
    fn all_that_is_measured_in_text() {
        assert_eq!(parse(WARM.as_bytes()), tail(false, report()));
        let started = WARM.replace("36 MB\t", "36 MB\tInit Duration: 110.10 ms\t");
        let cold = Report { init_ns: Some(110_100_000), ..report() };
        assert_eq!(parse(started.as_bytes()), tail(true, cold));
        let traced = started + "XRAY TraceId: 1-5f\tSegmentId: 3\tSampled: true\n";
        assert_eq!(parse(traced.as_bytes()), tail(true, cold));
        let restored =
            WARM.replace("36 MB\t", "36 MB\tRestore Duration: 250.5 ms\tBilled Restore Duration: 9 ms\t");
        assert_eq!(
            parse(restored.as_bytes()),
            tail(true, Report { restore_ns: Some(250_500_000), ..report() })
        );
        let failed = WARM.replace("36 MB\t", "36 MB\tStatus: error\tError Type: Runtime.ExitError");
        let (status, error_type) = (Some("error".to_owned()), Some("Runtime.ExitError".to_owned()));
        assert_eq!(parse(failed.as_bytes()), Tail { status, error_type, ..tail(false, report()) });
    }

    #[test]
    fn the_status_is_that_of_the_request_and_a_word() {
        let status = |log: String| {
            let Tail { status, error_type, .. } = parse(log.as_bytes());
            (status.unwrap_or_default(), error_type.unwrap_or_default())
        };
        let words = |status: &str, error_type: &str| (status.to_owned(), error_type.to_owned());
        let text = |rest: &str| WARM.replace("36 MB\t", &format!("36 MB\t{rest}"));
        assert_eq!(status(text("Status: timeout")), words("timeout", ""));
        assert_eq!(status(text("Status: error\tError Type: E.F\t")), words("error", "E.F"));
        assert_eq!(status(text("Status: \tError Type: E F\t")), words("", ""), "a word has no blank");
        assert_eq!(status(text(&format!("Status: {}\t", "x".repeat(101)))), words("", ""));
        let other = text("Status: error").replace("RequestId: a", "RequestId: b");
        assert_eq!(status(format!("{WARM}{other}")), words("", ""), "it is that of another request");
        let init = "INIT_REPORT Init Duration: 9 ms\tPhase: init\tStatus: error\t\n";
        assert_eq!(status(format!("{init}{WARM}")), words("", ""));
        let json = r#"{"type":"platform.report","record":{"requestId":"a","status":"failure","errorType":"X","metrics":{}}}"#;
        assert_eq!(status(json.to_owned()), words("failure", "X"));
    }

    #[test]
    fn escapes_in_json_do_not_cost_the_report() {
        let json = r#"{"type":"platform\u002ereport","record":{"requestId":"\u0061","status":"err\u006fr",
            "errorType":"Error<\"x\">","metrics":{"durationMs":3}}}"#;
        let report = Report { duration_ns: Some(3_000_000), ..Report::default() };
        let (status, error_type) = (Some("error".to_owned()), Some("Error<\"x\">".to_owned()));
        let whole = Tail { status, error_type, ..tail(false, report) };
        assert_eq!(parse(json.replace('\n', "").as_bytes()), whole);
        let blank = json.replace('\n', "").replace(r#"<\"x\">"#, r"\n");
        assert_eq!(
            parse(blank.as_bytes()).report,
            report,
            "a type that is no word is left out, and the rest stays"
        );
    }

    #[test]
    fn all_that_is_measured_in_json() {
        let event = |metrics: &str| {
            let start = r#"{"type":"platform.start","record":{}}"#;
            format!(
                r#"{start}{}{{"time":"t","type":"platform.report","record":{{"requestId":"a","metrics":{metrics}}}}}"#,
                "\n"
            )
        };
        let metrics = r#"{"durationMs":3.01,"billedDurationMs":4,"memorySizeMB":128.0,"maxMemoryUsedMB":36"#;
        assert_eq!(parse(event(&format!("{metrics}}}")).as_bytes()), tail(false, report()));
        let started = event(&format!("{metrics},\"initDurationMs\":33.25}}"));
        assert_eq!(parse(started.as_bytes()), tail(true, Report { init_ns: Some(33_250_000), ..report() }));
        let restored = event(&format!("{metrics},\"restoreDurationMs\":1}}"));
        assert_eq!(
            parse(restored.as_bytes()),
            tail(true, Report { restore_ns: Some(1_000_000), ..report() })
        );
    }

    #[test]
    fn a_start_that_failed_or_was_tried_again_is_cold() {
        let init = "INIT_REPORT Init Duration: 10008.00 ms\tPhase: init\tStatus: timeout\t\n";
        assert_eq!(parse(format!("{init}{WARM}").as_bytes()), tail(true, report()));
        assert_eq!(parse(init.as_bytes()), tail(true, Report::default()));
        let init = r#"{"type":"platform.initReport","record":{"phase":"init","status":"error","metrics":{"durationMs":9}}}"#;
        assert_eq!(parse(format!("{init}\n{WARM}").as_bytes()), tail(true, report()));
    }

    #[test]
    fn only_the_report_of_the_request_counts() {
        let other = "REPORT RequestId: b\tDuration: 9 ms\t\n";
        let ns = |log: String, id: Option<&str>| {
            let log = base64::engine::general_purpose::STANDARD.encode(log);
            read(&log, id).unwrap().report.duration_ns
        };
        assert_eq!(ns(format!("{WARM}{other}"), Some("a")), Some(3_010_000));
        assert_eq!(ns(format!("{WARM}{other}"), Some("c")), None);
        assert_eq!(ns(format!("{other}{WARM}"), None), Some(3_010_000));
    }

    #[test]
    fn a_value_that_cannot_be_is_not_taken() {
        for value in ["NaN", "inf", "-1", "-inf", "1e300", "3600000.1", ""] {
            let line = format!("REPORT RequestId: a\tInit Duration: {value} ms\tMemory Size: {value} MB\t\n");
            assert_eq!(parse(line.as_bytes()).cold, Some(false), "{value}");
            assert_eq!(parse(line.as_bytes()).report.init_ns, None, "{value}");
        }
        for value in ["-1", "1e300"] {
            let metrics = format!(r#"{{"initDurationMs":{value},"memorySizeMB":{value}}}"#);
            let line =
                format!(r#"{{"type":"platform.report","record":{{"requestId":"a","metrics":{metrics}}}}}"#);
            assert_eq!(parse(line.as_bytes()), tail(false, Report::default()), "{value}");
        }
        let longest = parse(b"REPORT RequestId: a\tInit Duration: 3600000 ms\t");
        assert_eq!(longest.report.init_ns, Some(3_600_000_000_000));
    }

    #[test]
    fn says_nothing_when_the_log_does_not() {
        assert_eq!(parse(b"\xffpanicked\n"), Tail::default());
        assert_eq!(read("not base64", None), None);
        assert_eq!(parse(br#"{"type":"platform.report"}"#), Tail::default());
    }

    #[test]
    fn a_function_that_writes_the_name_of_its_log_stream_names_its_environment() {
        let environment = |log: &str| parse(log.as_bytes()).environment;
        assert_eq!(environment(&format!("in {STREAM}, hello\n{WARM}")).as_deref(), Some(STREAM));
        assert_eq!(environment(&STREAM.replace("$LATEST", "17")), Some(STREAM.replace("$LATEST", "17")));
        let others = [
            "2026/01/31/[$LATEST]0123456789abcdef",
            "/[",
            "é/[1]0123456789abcdef0123456789abcdef",
            "2026-01-31/[1]0123456789abcdef0123456789abcdef",
            "2026/01/31/[]é123456789abcdef0123456789abcdef",
            "2026/01/31/[a b]0123456789abcdef0123456789abcdef",
        ];
        for other in others {
            assert_eq!(environment(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn a_tail_that_is_cut_says_the_same_or_nothing(cut in 0_usize..400) {
            let log = format!("{STREAM}\n{}", WARM.replace("36 MB\t", "36 MB\tInit Duration: 110.10 ms\t"));
            let tail = parse(&log.as_bytes()[cut.min(log.len())..]);
            let whole = parse(log.as_bytes());
            prop_assert!(tail.report == whole.report || tail.report == Report::default());
            prop_assert!(tail.cold == whole.cold || tail.cold.is_none());
            prop_assert!(tail.environment == whole.environment || tail.environment.is_none());
        }
    }
}
