//! Prometheus's text: one run as a set of metrics in base units, with the endpoint, its function and its system as
//! labels.

use std::fmt::Write as _;

use super::finished::FinishedRun;
use crate::histogram::View;
use crate::sample::Outcome;
use crate::units;

/// The quantiles of latencies.
const QUANTILES: [f64; 5] = [0.5, 0.9, 0.95, 0.99, 0.999];

pub(super) fn report(run: &FinishedRun<'_>) -> String {
    let mut text = String::new();
    let labels: Vec<String> = (0..run.summary.endpoints.len()).map(|index| labels(run, index)).collect();
    head(&mut text, "requests_total", "counter", "Requests that were due, by how they ended.");
    for (endpoint, labels) in run.totals.endpoints.iter().zip(&labels) {
        for outcome in Outcome::ALL {
            let count = endpoint.outcome(outcome);
            let _ = writeln!(
                text,
                "awsinvoker_requests_total{{{labels},outcome=\"{}\"}} {count}",
                outcome.name()
            );
        }
    }
    latencies(&mut text, run, &labels);
    head(&mut text, "cold_starts_total", "counter", "Requests that were a cold start, where answers told.");
    for (endpoint, labels) in run.summary.endpoints.iter().zip(&labels) {
        if let Some(cold) = endpoint.cold_starts {
            let _ = writeln!(text, "awsinvoker_cold_starts_total{{{labels}}} {cold}");
        }
    }
    gauges(&mut text, run);
    text
}

/// Latencies of requests that succeeded, in each view.
fn latencies(text: &mut String, run: &FinishedRun<'_>, labels: &[String]) {
    head(text, "latency_seconds", "summary", "Latencies of requests that succeeded.");
    for (endpoint, labels) in run.totals.endpoints.iter().zip(labels) {
        for view in View::ALL {
            let latencies = endpoint.view(view);
            let labels = format!("{labels},view=\"{}\"", view.name());
            for (quantile, ns) in
                QUANTILES.iter().filter_map(|share| Some((share, latencies.told_quantile_ns(*share)?)))
            {
                let _ = writeln!(
                    text,
                    "awsinvoker_latency_seconds{{{labels},quantile=\"{quantile}\"}} {}",
                    units::s(ns)
                );
            }
            let sum = latencies.mean_ns().unwrap_or(0.0) * latencies.count() as f64;
            let sum_s = units::s(units::rounded(sum));
            let _ = writeln!(text, "awsinvoker_latency_seconds_sum{{{labels}}} {sum_s}");
            let _ = writeln!(text, "awsinvoker_latency_seconds_count{{{labels}}} {}", latencies.count());
        }
    }
}

/// What is known of the run as a whole.
fn gauges(text: &mut String, run: &FinishedRun<'_>) {
    let summary = run.summary;
    let lag_s = summary.schedule_lag_us.p99.map(|us| us * units::NS_PER_US as f64 / units::NS_PER_S as f64);
    let gauges = [
        (
            "run_valid",
            "1 if the numbers may be published, 0 if not.",
            Some(f64::from(u8::from(summary.verdict.valid))),
        ),
        ("run_seconds", "From the start to the end of the last request.", Some(summary.run_s)),
        ("target_requests_per_second", "The rate that was asked for.", summary.target_rps),
        ("sent_requests_per_second", "The rate that was sent.", Some(summary.sent_rps)),
        (
            "real_requests_per_second",
            "The rate of what succeeded, by when it was due.",
            Some(summary.real_rps),
        ),
        ("schedule_lag_seconds", "How late the load generator was, p99.", lag_s),
    ];
    for (name, help, value) in gauges.into_iter().filter_map(|(name, help, value)| Some((name, help, value?)))
    {
        head(text, name, "gauge", help);
        let _ = writeln!(text, "awsinvoker_{name} {value}");
    }
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP awsinvoker_{name} {help}\n# TYPE awsinvoker_{name} {kind}");
}

fn labels(run: &FinishedRun<'_>, index: usize) -> String {
    let endpoint = run.info.configuration.endpoints.get(index);
    let (function, system) = endpoint.map_or(("", ""), |endpoint| (&endpoint.function, &endpoint.system));
    let named = [
        ("endpoint", run.summary.endpoints[index].name.as_str()),
        ("function", function),
        ("system", system),
    ];
    named.map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).join(",")
}

/// The value of a label as the text has it.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
