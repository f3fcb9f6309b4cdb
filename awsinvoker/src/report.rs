//! The result for people: a function from the summary to text.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::sample::Outcome;
use crate::summary::{EndpointSummary, Summary};

/// Above this schedule lag (p99), latencies say something about this machine too.
const LAG_TO_TRUST_US: f64 = 1000.0;

/// Below this share of requests sent in time, the load was not the one asked for.
const SENT_TO_TRUST: f64 = 0.999;

const HEADER: [&str; 12] = [
    "endpoint",
    "ok",
    "failed",
    "cold",
    "response\np50",
    "\np99",
    "\np99.9",
    "\nmax",
    "service\np50",
    "\np99",
    "function\np50",
    "\np99",
];

/// The end of a run: the original's two lines, a row for each endpoint, and what is not to be trusted.
pub fn text(summary: &Summary) -> String {
    let mut text = format!("Issued / completed requests: {}, {}\n", summary.issued, summary.completed);
    let _ = writeln!(text, "Real / target RPS: {:.2} / {}", summary.completed_rps, summary.target_rps);
    let _ = writeln!(text, "\n{}", table(summary));
    for warning in warnings(summary) {
        let _ = writeln!(text, "warning: {warning}");
    }
    text
}

fn table(summary: &Summary) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(HEADER);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for endpoint in &summary.endpoints {
        table.add_row(row(endpoint));
    }
    table.trim_fmt()
}

fn row(endpoint: &EndpointSummary) -> Vec<String> {
    let (response, service, function) =
        (&endpoint.views.response, &endpoint.views.service, &endpoint.views.function);
    let mut row = vec![
        endpoint.name.clone(),
        endpoint.outcomes.get(Outcome::Ok).to_string(),
        failed(endpoint),
        endpoint.cold_starts.map_or_else(|| "-".to_owned(), |count| count.to_string()),
    ];
    let latencies = [response.p50, response.p99, response.p999, response.max, service.p50, service.p99];
    row.extend(latencies.into_iter().chain([function.p50, function.p99]).map(duration));
    row
}

/// How many failed, by outcome: `3 timeout, 1 throttled`.
fn failed(endpoint: &EndpointSummary) -> String {
    let counts =
        Outcome::ALL.into_iter().skip(1).map(|outcome| (endpoint.outcomes.get(outcome), outcome.name()));
    let failed: Vec<_> =
        counts.filter(|(count, _)| *count > 0).map(|(count, name)| format!("{count} {name}")).collect();
    if failed.is_empty() { "0".to_owned() } else { failed.join("\n") }
}

/// Microseconds with three significant digits, in the unit that suits them.
fn duration(us: Option<f64>) -> String {
    match us {
        None => "-".to_owned(),
        Some(us) if us < 999.5 => format!("{} µs", three_digits(us)),
        Some(us) if us < 999_500.0 => format!("{} ms", three_digits(us / 1e3)),
        Some(us) => format!("{} s", three_digits(us / 1e6)),
    }
}

fn three_digits(value: f64) -> String {
    match value {
        ..9.995 => format!("{value:.2}"),
        ..99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// Why numbers of this run should not be taken at face value.
fn warnings(summary: &Summary) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(seconds) = summary.interrupted_after_s {
        warnings.push(format!("the run was ended early, after {seconds:.1} s"));
    }
    if let Some(lag) = summary.schedule_lag_us.p99.filter(|&lag| lag > LAG_TO_TRUST_US) {
        warnings.push(format!(
            "the invoker itself was late (schedule lag p99 {}): response latencies include it",
            duration(Some(lag))
        ));
    }
    let dropped: u64 = summary.endpoints.iter().map(|endpoint| endpoint.outcomes.get(Outcome::Dropped)).sum();
    if dropped > 0 {
        warnings.push(format!(
            "{dropped} requests were not sent, because --max-in-flight calls were in flight: the load was lower than \
             asked for"
        ));
    }
    let sent = summary.sent_rps * summary.window_s / summary.issued as f64;
    if summary.issued > 0 && sent < SENT_TO_TRUST {
        warnings.push(format!("only {:.2} % of the requests were sent in time", sent * 100.0));
    }
    if summary.saturated > 0 {
        warnings.push(format!("values above an hour that were recorded as an hour: {}", summary.saturated));
    }
    for endpoint in summary.endpoints.iter().filter(|endpoint| endpoint.asynchronous) {
        warnings
            .push(format!("{} is called asynchronously: ok means accepted, not completed", endpoint.name));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::{Lag, Latency, Outcomes, SCHEMA, Views};

    fn latency(scale: f64) -> Latency {
        let value = |x: f64| Some(x * scale);
        Latency {
            count: 1,
            min: value(1.0),
            mean: value(2.0),
            p50: value(2.0),
            p90: value(3.0),
            p99: value(40.0),
            p999: value(5_000.0),
            max: value(999_499.0),
        }
    }

    fn none() -> Latency {
        Latency { count: 0, min: None, mean: None, p50: None, p90: None, p99: None, p999: None, max: None }
    }

    fn endpoint(name: &str, outcomes: [u64; 9]) -> EndpointSummary {
        EndpointSummary {
            name: name.to_owned(),
            asynchronous: false,
            outcomes: Outcomes(outcomes),
            cold_starts: Some(2),
            views: Views { response: latency(1.0), service: latency(0.5), function: latency(1.5) },
        }
    }

    fn summary(endpoints: Vec<EndpointSummary>) -> Summary {
        Summary {
            schema: SCHEMA,
            issued: 3000,
            completed: 3000,
            target_rps: 300.0,
            sent_rps: 300.0,
            completed_rps: 299.5,
            window_s: 10.0,
            interrupted: false,
            interrupted_after_s: None,
            saturated: 0,
            schedule_lag_us: Lag { p50: Some(9.0), p99: Some(80.0), p999: Some(90.0), max: Some(100.0) },
            endpoints,
        }
    }

    #[test]
    fn a_good_run() {
        let endpoints = vec![
            endpoint("chameleon", [1500, 0, 0, 0, 0, 0, 0, 0, 0]),
            endpoint("cnn_serving", [1500, 0, 0, 0, 0, 0, 0, 0, 0]),
        ];
        insta::assert_snapshot!(text(&summary(endpoints)), @"
        Issued / completed requests: 3000, 3000
        Real / target RPS: 299.50 / 300

         endpoint       ok  failed  cold  response                            service           function
                                               p50      p99    p99.9     max      p50      p99       p50      p99
         chameleon    1500       0     2   2.00 µs  40.0 µs  5.00 ms  999 ms  1.00 µs  20.0 µs   3.00 µs  60.0 µs
         cnn_serving  1500       0     2   2.00 µs  40.0 µs  5.00 ms  999 ms  1.00 µs  20.0 µs   3.00 µs  60.0 µs
        ");
    }

    #[test]
    fn a_bad_run() {
        let mut failing = endpoint("f", [0, 0, 3, 1, 0, 0, 0, 7, 2]);
        failing.views = Views { response: none(), service: none(), function: none() };
        failing.cold_starts = None;
        let mut accepted = endpoint("g", [5, 0, 0, 0, 0, 0, 0, 0, 0]);
        accepted.asynchronous = true;
        let bad = Summary {
            sent_rps: 290.0,
            completed_rps: 0.5,
            interrupted: true,
            interrupted_after_s: Some(2.0),
            saturated: 1,
            schedule_lag_us: Lag { p50: Some(9.0), p99: Some(1234.0), p999: None, max: None },
            ..summary(vec![failing, accepted])
        };
        insta::assert_snapshot!(text(&bad), @"
        Issued / completed requests: 3000, 3000
        Real / target RPS: 0.50 / 300

         endpoint  ok       failed  cold  response                            service           function
                                               p50      p99    p99.9     max      p50      p99       p50      p99
         f          0  3 throttled     -         -        -        -       -        -        -         -        -
                         1 timeout
                         7 dropped
                       2 abandoned
         g          5            0     2   2.00 µs  40.0 µs  5.00 ms  999 ms  1.00 µs  20.0 µs   3.00 µs  60.0 µs
        warning: the run was ended early, after 2.0 s
        warning: the invoker itself was late (schedule lag p99 1.23 ms): response latencies include it
        warning: 7 requests were not sent, because --max-in-flight calls were in flight: the load was lower than asked for
        warning: only 96.67 % of the requests were sent in time
        warning: values above an hour that were recorded as an hour: 1
        warning: g is called asynchronously: ok means accepted, not completed
        ");
    }

    #[test]
    fn durations_keep_three_digits() {
        let shown =
            [0.0, 0.512, 9.994, 9.996, 123.4, 999.6, 12_345.0, 999_600.0, 3.6e9].map(|us| duration(Some(us)));
        let expected =
            ["0.00 µs", "0.51 µs", "9.99 µs", "10.0 µs", "123 µs", "1.00 ms", "12.3 ms", "1.00 s", "3600 s"];
        assert_eq!(shown, expected);
    }
}
