//! The end of a run for people, as text.

use std::fmt::Write as _;

use run_record::failures::{FailureSummary, FailuresSummary};
use run_record::summary::Summary;
use run_record::units::counted;

use crate::table;

/// So many causes of failures are shown; the others are in `summary.json`.
const CAUSES: usize = 5;

/// The two lines that the original invoker prints, the rates, the tables, the verdict, and what else is to be known.
pub fn text(summary: &Summary) -> String {
    let Summary { issued, completed, target_rps, sent_rps, real_rps, completed_rps, run_s, .. } = summary;
    // A mean can have more decimals than anybody reads; the rates that can be asked for have hardly more than six.
    let rounded = |rps: f64| ((rps * 1e6).round() / 1e6).to_string();
    let target_rps = target_rps.map_or_else(|| "-".to_owned(), rounded);
    let mut text = format!("Issued / completed requests: {issued}, {completed}\n");
    let _ = writeln!(text, "Real / target RPS: {real_rps:.2} / {target_rps}");
    let _ = writeln!(text, "Sent / target RPS: {sent_rps:.2} / {target_rps}");
    let _ = writeln!(text, "Completed RPS: {completed_rps:.2}, over the {run_s:.2} s of the whole run");
    let _ = writeln!(text, "\n{}", table::latencies(summary));
    if let Some(parts) = table::parts(summary) {
        let _ = writeln!(text, "{parts}");
    }
    let _ = writeln!(text, "verdict: {}", if summary.verdict.valid { "valid" } else { "invalid" });
    for reason in &summary.verdict.reasons {
        let _ = writeln!(text, "invalid: {reason}");
    }
    for warning in &summary.warnings {
        let _ = writeln!(text, "warning: {warning}");
    }
    for result in &summary.thresholds {
        let _ = writeln!(text, "{result}");
    }
    text + &failures(&summary.failures)
}

/// A line for each of the most frequent causes, and how many failures there are besides.
fn failures(failures: &FailuresSummary) -> String {
    let shown = failures.causes.iter().take(CAUSES);
    let mut lines: String = shown.map(failure).collect();
    let further: u64 = failures.causes.iter().skip(CAUSES).map(|cause| cause.count).sum();
    if further + failures.other > 0 {
        let requests = counted(further + failures.other, "request");
        let _ = writeln!(lines, "failed: {requests} with further causes");
    }
    lines
}

fn failure(failure: &FailureSummary) -> String {
    let FailureSummary { endpoint, outcome, cause, count, first_s, last_s } = failure;
    let cause = cause.as_ref().map_or_else(String::new, |cause| format!(": {cause}"));
    let times = if first_s.to_bits() == last_s.to_bits() {
        format!("at {first_s:.1} s")
    } else {
        format!("from {first_s:.1} s to {last_s:.1} s")
    };
    format!("failed: {endpoint}, {count} {} {times}{cause}\n", outcome.name())
}

#[cfg(test)]
mod tests {
    use run_record::cost::{EndpointPrice, Price};
    use run_record::summary::Course;
    use run_record::{Arrival, Cause, Outcome, Reply, Report, Sample, Timing, Totals};

    use super::*;

    const MS: u64 = 1_000_000;

    /// A call that was due at `at_ms`, was sent at once, and ended after `took_ms`.
    fn sample(endpoint: usize, at_ms: u64, took_ms: u64, outcome: Outcome) -> Sample {
        let intended_ns = at_ms * MS;
        Sample {
            arrival: Arrival { sequence: at_ms, endpoint, number: 0, intended_ns },
            timing: Some(Timing::new(intended_ns + MS / 50, intended_ns + took_ms * MS)),
            reply: Reply::with_outcome(outcome),
        }
    }

    fn ok(endpoint: usize, at_ms: u64, took_ms: u64, init_ns: Option<u64>) -> Sample {
        let mut sample = sample(endpoint, at_ms, took_ms, Outcome::Ok);
        sample.reply.cold = Some(init_ns.is_some());
        sample.reply.function_latency_s = Some(0.000_5);
        sample.reply.report = Report { init_ns, duration_ns: Some(MS), ..Report::default() };
        sample
    }

    fn course<'a>(endpoints: Vec<(&'a str, bool)>, totals: &Totals) -> Course<'a> {
        Course {
            endpoints,
            target_rps: Some(100.0),
            issued: totals.samples(),
            window_ns: 10_000 * MS,
            interrupted_ns: None,
            sent_in_window: totals.samples(),
            wall_jump_ns: 0,
            thresholds: &[],
        }
    }

    #[test]
    fn a_good_run() {
        let mut totals = Totals::new(2);
        for n in 0..500 {
            totals.record(&ok(0, n * 20, 2 + n / 100, None));
            totals.record(&ok(1, n * 20 + 10, 9, (n < 3).then_some(5 * MS)));
        }
        let course = course(vec![("chameleon", false), ("cnn_serving", false)], &totals);
        let thresholds = ["response.p99<8ms".parse().unwrap()];
        let summary = Summary::new(&Course { thresholds: &thresholds, ..course }, &totals).unwrap();
        insta::assert_snapshot!(text(&summary), @"
        Issued / completed requests: 1000, 1000
        Real / target RPS: 100.00 / 100
        Sent / target RPS: 100.00 / 100
        Completed RPS: 100.00, over the 10.00 s of the whole run

          latency           count      p50      p90      p95      p99    p99.9      max
        chameleon: 500 ok, 0 cold
          response            500  4.00 ms  6.00 ms  6.00 ms  6.00 ms        -  6.00 ms
          service             500  3.98 ms  5.98 ms  5.98 ms  5.98 ms        -  5.98 ms
          function            500   500 µs   500 µs   500 µs   500 µs        -   500 µs
        cnn_serving: 500 ok, 3 cold
          response            500  9.00 ms  9.00 ms  9.00 ms  9.00 ms        -  9.00 ms
          service             500  8.99 ms  8.99 ms  8.99 ms  8.99 ms        -  8.99 ms
          function            500   500 µs   500 µs   500 µs   500 µs        -   500 µs
          warm response       497  9.00 ms  9.00 ms  9.00 ms  9.00 ms        -  9.00 ms
          cold response         3        -        -        -        -        -  9.00 ms
          init                  3        -        -        -        -        -  5.00 ms

          mean time in        lag  connect  network     init overhead  handler response
        chameleon
          warm            20.0 µs        -  2.98 ms        -   500 µs   500 µs  4.00 ms
        cnn_serving
          warm            20.0 µs        -  7.98 ms        -   500 µs   500 µs  9.00 ms
          cold            20.0 µs        -  2.98 ms  5.00 ms   500 µs   500 µs  9.00 ms

        verdict: valid
        threshold kept: response.p99<8ms, chameleon: 6.00 ms
        threshold broken: response.p99<8ms, cnn_serving: 9.00 ms
        ");
    }

    /// The lines below the views of a run of one endpoint whose requests were billed.
    fn billed(requests: u64, price: &EndpointPrice, cpu_unlimited: bool) -> String {
        let mut totals = Totals::new(1);
        for n in 0..requests {
            let mut sample = ok(0, n, 2, None);
            sample.reply.report.billed_ns = Some(3 * MS);
            sample.reply.report.memory_mib = Some(512);
            sample.reply.environment = Some((n % 3).to_string());
            totals.record(&sample);
        }
        totals.record(&sample(0, 0, 2, Outcome::Timeout));
        let mut summary = Summary::new(&course(vec![("f", false)], &totals), &totals).unwrap();
        summary.price(&[Some(price.clone())], &totals);
        summary.endpoints[0].cost.iter_mut().for_each(|cost| cost.cpu_unlimited = cpu_unlimited);
        let text = text(&summary);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        let starts = ["  environments", "  cost", "                AWS limits"];
        let lines = text.lines().filter(|line| starts.iter().any(|start| line.starts_with(start)));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn environments_and_costs_are_told_if_they_are_known() {
        let price = Some(Price { usd_per_million_requests: 0.20, usd_per_gb_s: 0.000_016_666_7 });
        let known = EndpointPrice { on_aws: true, price, ..EndpointPrice::default() };
        insta::assert_snapshot!(billed(100_000, &known, false), @"
          environments  3, the last new one at 0.0 s
          cost          150.00 GB-s, at least 0.0225 USD, 0.225 USD per million
        ");
        let process = EndpointPrice { on_aws: false, ..known.clone() };
        insta::assert_snapshot!(billed(100_000, &process, true), @"
          environments  3, the last new one at 0.0 s
          cost on AWS   150.00 GB-s, at least 0.0225 USD, 0.225 USD per million
                        AWS limits the CPU time, so calls may cost more there
        ");
        let unknown = EndpointPrice {
            region: Some("ap-southeast-7".to_owned()),
            architecture: Some("x86_64".to_owned()),
            ..EndpointPrice::default()
        };
        insta::assert_snapshot!(billed(3, &unknown, false), @"
          environments  3, the last new one at 0.0 s
          cost on AWS   0.00450 GB-s, no price for x86_64 in ap-southeast-7
        ");
        assert_eq!(billed(0, &known, false), "");
    }

    #[test]
    fn a_bad_run() {
        let mut totals = Totals::new(2);
        for n in 0..7 {
            let mut failing = sample(0, n * 100, 5, Outcome::ALL[1 + usize::try_from(n).unwrap()]);
            failing.reply.cause = Some(Cause { message: format!("cause {n}"), ..Cause::default() });
            failing.timing = failing.timing.filter(|_| failing.reply.outcome != Outcome::Dropped);
            totals.record(&failing);
            totals.record(&failing);
        }
        totals.record(&sample(0, 900, 5, Outcome::Abandoned));
        totals.record(&sample(1, 1_000, 12_000, Outcome::Ok));
        let course = course(vec![("f", false), ("g", true)], &totals);
        let course = Course { interrupted_ns: Some(2_000 * MS), sent_in_window: 14, ..course };
        let text = text(&Summary::new(&course, &totals).unwrap());
        insta::assert_snapshot!(text, @"
        Issued / completed requests: 16, 1
        Real / target RPS: 0.10 / 100
        Sent / target RPS: 1.40 / 100
        Completed RPS: 0.08, over the 13.00 s of the whole run

          latency           count      p50      p90      p95      p99    p99.9      max
        f: 0 ok, 2 function_error, 2 throttled, 2 timeout, 2 transport, 2 service_error,
           2 bad_answer, 2 dropped, 1 abandoned
        g: 1 ok
          response              1        -        -        -        -        -   12.0 s
          service               1        -        -        -        -        -   12.0 s

        verdict: invalid
        invalid: 2 requests were not sent, because --max-in-flight calls were in flight
        invalid: only 87.50 % of the requests were sent in time
        warning: the run was ended early, after 2.0 s
        warning: g is called asynchronously: ok means accepted, not completed
        failed: f, 2 function_error at 0.0 s: cause 0
        failed: f, 2 throttled at 0.1 s: cause 1
        failed: f, 2 timeout at 0.2 s: cause 2
        failed: f, 2 transport at 0.3 s: cause 3
        failed: f, 2 service_error at 0.4 s: cause 4
        failed: 5 requests with further causes
        ");
        let tables = text.lines().take_while(|line| !line.starts_with("verdict"));
        assert!(tables.into_iter().all(|line| line.chars().count() <= 80), "{text}");
    }
}
