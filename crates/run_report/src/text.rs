//! The end of a run for people, as text.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use run_record::Outcome;
use run_record::summary::{EndpointSummary, Summary};
use run_record::units::duration_text;

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

/// The two lines that the original invoker prints, a table with a row for each endpoint, and the warnings.
pub fn text(summary: &Summary) -> String {
    let mut text = format!("Issued / completed requests: {}, {}\n", summary.issued, summary.completed);
    let _ = writeln!(text, "Real / target RPS: {:.2} / {}", summary.completed_rps, summary.target_rps);
    let _ = writeln!(text, "\n{}", table(summary));
    for warning in &summary.warnings {
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

/// How many invocations failed, by outcome: `3 timeout, 1 throttled`.
fn failed(endpoint: &EndpointSummary) -> String {
    let failures = endpoint.outcomes.failures();
    let failed: Vec<_> = failures.map(|(outcome, count)| format!("{count} {}", outcome.name())).collect();
    if failed.is_empty() { "0".to_owned() } else { failed.join("\n") }
}

/// Microseconds for a cell of the table.
fn duration(us: Option<f64>) -> String {
    us.map_or_else(|| "-".to_owned(), duration_text)
}

#[cfg(test)]
mod tests {
    use run_record::summary::{Lag, Latency, SCHEMA, Views};
    use run_record::{Outcomes, Warning};

    use super::*;

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
            warnings: Vec::new(),
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
            completed_rps: 0.5,
            warnings: vec![Warning::Interrupted { after_s: 2.0 }, Warning::Dropped { requests: 7 }],
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
        warning: 7 requests were not sent, because --max-in-flight calls were in flight: the load was lower than asked for
        ");
    }
}
