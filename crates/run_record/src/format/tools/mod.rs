//! Summaries in the forms of other tools, for programs that read those.
//!
//! Other tools measure from when a request is sent, so their latencies are those of the view `service`, and, as in all
//! results here, of requests that succeeded. Dropped requests were not sent, and are no requests there. Times and
//! numbers that are not known are null, and so are percentiles that the requests are too few for.

mod finished;
mod k6;
mod oha;
mod prometheus;
mod sums;
mod vegeta;

use super::{FormatError, json};

pub use self::finished::FinishedRun;

/// A form of another tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolFormat {
    /// What `vegeta report -type=json` prints.
    Vegeta,
    /// What `oha --output-format json` prints.
    Oha,
    /// What k6 writes for `--summary-export`.
    K6,
    /// What Prometheus reads, as the textfile collector of its node exporter does.
    Prometheus,
}

impl ToolFormat {
    /// The name of the file in the folder of a run.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Vegeta => "vegeta.json",
            Self::Oha => "oha.json",
            Self::K6 => "k6.json",
            Self::Prometheus => "prometheus.txt",
        }
    }

    /// The whole file.
    ///
    /// # Errors
    /// None that a run could cause: all keys of the documents are strings.
    pub fn write(self, run: &FinishedRun<'_>) -> Result<Vec<u8>, FormatError> {
        match self {
            Self::Vegeta => json::write(&vegeta::report(run)),
            Self::Oha => json::write(&oha::report(run)),
            Self::K6 => json::write(&k6::report(run)),
            Self::Prometheus => Ok(prometheus::report(run).into_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use serde_json::{Value, json};

    use super::*;
    use crate::run_info::{RunInfo, test_run_info};
    use crate::sample::{Arrival, Cause, Outcome, Reply, Sample, Timing};
    use crate::summary::{Course, Summary};
    use crate::totals::Totals;

    const MS: u64 = 1_000_000;

    /// Eight calls of `f` that took 1 to 8 ms, one that timed out, one of `g` that was refused, and one that was not
    /// sent.
    fn totals() -> Totals {
        let mut totals = Totals::new(2);
        let mut add = |endpoint, number: u64, took_ms: u64, reply| {
            let intended_ns = number * 100 * MS;
            let timing =
                (took_ms > 0).then(|| Timing::new(intended_ns + MS, intended_ns + (took_ms + 1) * MS));
            totals.record(&Sample {
                arrival: Arrival { sequence: number, endpoint, number: 0, intended_ns },
                timing,
                reply,
            });
        };
        for number in 0..8 {
            add(0, number, number + 1, Reply { answer_bytes: Some(100), ..Reply::with_outcome(Outcome::Ok) });
        }
        add(0, 8, 900, Reply::without_answer(Outcome::Timeout, "no answer \"in time\""));
        let refused = Cause { status: Some(429), message: "too many".to_owned(), ..Cause::default() };
        add(1, 9, 2, Reply { cause: Some(refused), ..Reply::with_outcome(Outcome::Throttled) });
        add(1, 10, 0, Reply::with_outcome(Outcome::Dropped));
        totals
    }

    fn written(format: ToolFormat) -> String {
        written_of(format, &test_run_info())
    }

    fn written_of(format: ToolFormat, info: &RunInfo) -> String {
        let totals = totals();
        let thresholds = ["f.response.p50<4ms".parse().unwrap(), "ok>50%".parse().unwrap()];
        let course = Course {
            endpoints: vec![("f", false), ("g", false)],
            target_rps: Some(5.5),
            issued: 11,
            window_ns: 2_000 * MS,
            interrupted_ns: None,
            sent_in_window: 10,
            wall_jump_ns: 0,
            thresholds: &thresholds,
        };
        let summary = Summary::new(&course, &totals).unwrap();
        let start = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let run = FinishedRun { start, info, summary: &summary, totals: &totals };
        String::from_utf8(format.write(&run).unwrap()).unwrap()
    }

    fn document(format: ToolFormat) -> Value {
        serde_json::from_str(&written(format)).unwrap()
    }

    fn keys(value: &Value) -> Vec<&str> {
        value.as_object().unwrap().keys().map(String::as_str).collect()
    }

    #[test]
    fn vegeta_s_report_has_nanoseconds_and_shares() {
        let expected = json!({
            "latencies": {
                "total": 35_997_952, "mean": 4_499_744, "50th": 4_001_791, "90th": null, "95th": null, "99th": null,
                "max": 8_003_583, "min": 1_000_447
            },
            "bytes_in": { "total": 800, "mean": 80.0 }, "bytes_out": { "total": 427, "mean": 42.7 },
            "earliest": "2023-11-14T22:13:20.000Z", "latest": "2023-11-14T22:13:22.000Z",
            "end": "2023-11-14T22:13:22.000Z", "duration": 2_000_000_000, "wait": 0, "requests": 10, "rate": 5.0,
            "throughput": 4.0, "success": 0.8, "status_codes": { "0": 1, "200": 8, "429": 1 },
            "errors": ["throttled: HTTP 429: too many", "timeout: no answer \"in time\""]
        });
        assert_eq!(document(ToolFormat::Vegeta), expected);
    }

    #[test]
    fn what_a_template_sent_is_not_summed_up() {
        let mut info = test_run_info();
        let template = serde_json::from_str(r#"{"seed": 1, "values": {}}"#).unwrap();
        info.configuration.endpoints[1].payload_template = Some(template);
        let document = |format| serde_json::from_str::<Value>(&written_of(format, &info)).unwrap();
        assert_eq!(document(ToolFormat::Vegeta)["bytes_out"], json!({ "total": null, "mean": null }));
        assert_eq!(document(ToolFormat::K6)["metrics"].get("data_sent"), None);
    }

    #[test]
    fn oha_s_report_has_seconds_and_its_keys() {
        let report = document(ToolFormat::Oha);
        assert_eq!(
            report["summary"],
            json!({
                "successRate": 0.8, "total": 2.0, "slowest": 0.008_003_583, "fastest": 0.001_000_447,
                "average": 0.004_499_744, "requestsPerSec": 5.0, "totalData": 800, "sizePerRequest": 100,
                "sizePerSec": 400.0
            })
        );
        let all = "details errorDistribution latencyPercentiles responseTimeHistogram rps statusCodeDistribution summary";
        assert_eq!(keys(&report).join(" "), all);
        let percentiles = "p10 p25 p50 p75 p90 p95 p99 p99.9 p99.99";
        assert_eq!(keys(&report["latencyPercentiles"]).join(" "), percentiles);
        assert_eq!(keys(&report["rps"]["percentiles"]).join(" "), percentiles);
        assert_eq!(report["latencyPercentiles"]["p50"], 0.004_001_791);
        assert_eq!(report["latencyPercentiles"]["p75"], Value::Null);
        assert_eq!(report["statusCodeDistribution"], json!({ "200": 8, "429": 1 }));
        let bins = report["responseTimeHistogram"].as_object().unwrap();
        let counts: u64 = bins.values().map(|count| count.as_u64().unwrap()).sum();
        assert_eq!((bins.len(), counts, bins["0.008003583"].as_u64()), (11, 8, Some(1)));
    }

    #[test]
    fn k6_s_summary_has_milliseconds_and_tells_which_thresholds_are_crossed() {
        let report = document(ToolFormat::K6);
        let metrics = &report["metrics"];
        assert_eq!(
            metrics["http_req_duration"],
            json!({
                "avg": 4.499_744, "min": 1.000_447, "med": 4.001_791, "max": 8.003_583, "p(90)": null,
                "p(95)": null, "p(99)": null, "p(99.9)": null,
                "thresholds": { "f.response.p50<4ms": true, "ok>50%": true }
            })
        );
        assert_eq!(metrics["http_req_failed"], json!({ "passes": 2, "fails": 8, "value": 0.2 }));
        assert_eq!(metrics["http_reqs"], json!({ "count": 10, "rate": 5.0 }));
        assert_eq!(metrics["dropped_iterations"]["count"], 1);
        assert_eq!(metrics["http_req_duration{endpoint:f}"]["med"], 4.001_791);
        assert_eq!(metrics["http_req_duration{endpoint:g}"]["med"], Value::Null);
        assert_eq!(report["root_group"]["id"], "d41d8cd98f00b204e9800998ecf8427e");
    }

    #[test]
    fn prometheus_text_has_base_units_and_labels() {
        let text = written(ToolFormat::Prometheus);
        let f = r#"endpoint="f",function="f",system="lambda-local""#;
        for line in [
            "# TYPE awsinvoker_latency_seconds summary".to_owned(),
            format!("awsinvoker_requests_total{{{f},outcome=\"ok\"}} 8"),
            format!("awsinvoker_latency_seconds{{{f},view=\"service\",quantile=\"0.5\"}} 0.004001791"),
            format!("awsinvoker_latency_seconds_sum{{{f},view=\"service\"}} 0.035997952"),
            format!("awsinvoker_latency_seconds_count{{{f},view=\"response\"}} 8"),
            "awsinvoker_run_valid 0".to_owned(),
            "awsinvoker_target_requests_per_second 5.5".to_owned(),
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("quantile=\"0.9"), "eight requests tell no more than the median:\n{text}");
        // Each line is a comment, or a name with its labels and a number; each name is declared before.
        let mut declared = Vec::new();
        for line in text.lines() {
            match line.strip_prefix("# TYPE ") {
                Some(declaration) => declared.push(declaration.split(' ').next().unwrap()),
                None if line.starts_with("# HELP ") => {}
                None => {
                    let (name, value) = line.rsplit_once(' ').unwrap();
                    let name = name.split('{').next().unwrap();
                    assert!(value.parse::<f64>().is_ok(), "{line}");
                    assert!(declared.iter().any(|declared| name.starts_with(declared)), "{line}");
                }
            }
        }
    }
}
