//! The published result of a run: what `summary.json` holds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::histogram::{Histogram, View};
use crate::outcomes::Outcomes;
use crate::sample::Outcome;
use crate::totals::{EndpointTotals, Totals};
use crate::units;
use crate::warning::Warning;

/// The version of the layout of `summary.json`. It changes when a key changes its meaning or goes.
pub const SCHEMA: u32 = 1;

/// Above this schedule lag (p99), in microseconds, latencies say something about the load generator's machine as well.
const LAG_TO_TRUST_US: f64 = 1000.0;
/// Below this share of requests sent within the window, the load was not the one that was asked for.
const SENT_TO_TRUST: f64 = 0.999;

/// The result of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "Summary of an awsinvoker run", deny_unknown_fields)]
pub struct Summary {
    /// Version of this layout.
    pub schema: u32,
    /// Invocations that were due. Each has exactly one outcome: this is the sum of all outcomes of all endpoints.
    pub issued: u64,
    /// Invocations with outcome `ok`.
    pub completed: u64,
    /// Rate that was asked for, over all endpoints, in requests a second.
    pub target_rps: f64,
    /// Requests sent within the window, divided by its length. Dropped invocations are not sent.
    pub sent_rps: f64,
    /// Requests that ended with outcome `ok` within the window, divided by its length. Answers that come after the window
    /// do not count. This is the rate that is printed as real, and that is in the name of the file of `--latf`.
    pub completed_rps: f64,
    /// Seconds from the start of the run to the end of its schedule. The wait for the last answers is not part of it. With
    /// constant arrivals each arrival stands for one period, so the end is the due time of the first arrival that is not
    /// part of the run. If the schedule was interrupted, the end is the interruption or the due time of the first arrival
    /// that was left out, whichever is later; so it may lie after the end of the run.
    pub window_s: f64,
    /// Whether a signal ended the run early.
    pub interrupted: bool,
    /// Seconds from the start of the run to the signal that ended it early; null if none did.
    pub interrupted_after_s: Option<f64>,
    /// Values of published histograms above one hour, which were recorded as one hour.
    pub saturated: u64,
    /// Microseconds from the intended time of a request to the time at which it was handed to the client; null if none was
    /// sent.
    pub schedule_lag_us: Lag,
    /// By endpoint.
    pub endpoints: Vec<EndpointSummary>,
    /// Why numbers of this run should not be taken at face value.
    pub warnings: Vec<Warning>,
}

/// Schedule lag in microseconds; null if nothing was sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are the percentiles that they are named after")]
pub struct Lag {
    pub p50: Option<f64>,
    pub p99: Option<f64>,
    pub p999: Option<f64>,
    pub max: Option<f64>,
}

/// The result of one endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct EndpointSummary {
    /// Name, unique in the run.
    pub name: String,
    /// Whether calls were asynchronous. Then ok means accepted, and there is no function latency.
    pub asynchronous: bool,
    /// Invocations by outcome.
    pub outcomes: Outcomes,
    /// Invocations, of any outcome, that were a cold start; null if no answer told.
    pub cold_starts: Option<u64>,
    /// Latencies of invocations with outcome `ok`.
    pub views: Views,
}

/// Latencies in microseconds, with three significant digits from a nanosecond to an hour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Views {
    /// From the intended time to the end.
    pub response: Latency,
    /// From sending to the end.
    pub service: Latency,
    /// As the function reported.
    pub function: Latency,
}

/// A distribution in microseconds; null where there is no value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are the statistics that they are named after")]
pub struct Latency {
    pub count: u64,
    pub min: Option<f64>,
    pub mean: Option<f64>,
    pub p50: Option<f64>,
    pub p90: Option<f64>,
    pub p99: Option<f64>,
    pub p999: Option<f64>,
    pub max: Option<f64>,
}

/// The course of a run, which its summary follows from.
#[derive(Clone, Debug)]
pub struct Course<'a> {
    /// Name of each endpoint, and whether it was called asynchronously.
    pub endpoints: Vec<(&'a str, bool)>,
    /// Rate that was asked for.
    pub target_rps: f64,
    /// Invocations that were due.
    pub issued: u64,
    /// Length of the window over which rates are computed.
    pub window_ns: u64,
    /// From the start of the run to the signal that ended it early.
    pub interrupted_ns: Option<u64>,
    /// Requests that were sent within the window.
    pub sent_in_window: u64,
    /// Requests that ended with outcome `ok` within the window.
    pub ok_in_window: u64,
}

/// The sums do not agree: an invocation was lost or counted twice, and no number can be trusted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{issued} invocations were issued but {recorded} recorded: this is a defect of awsinvoker, do not use the results"
)]
pub struct SumError {
    /// Invocations that were due.
    pub issued: u64,
    /// Invocations that were recorded.
    pub recorded: u64,
}

impl Summary {
    /// Sums up a run.
    ///
    /// # Errors
    /// Not every invocation that was due was recorded exactly once.
    pub fn new(course: &Course<'_>, totals: &Totals) -> Result<Self, SumError> {
        if totals.samples() != course.issued {
            return Err(SumError { issued: course.issued, recorded: totals.samples() });
        }
        let window_s = units::s(course.window_ns);
        let per_second = |count: u64| if count == 0 { 0.0 } else { count as f64 / window_s };
        let mut summary = Self {
            schema: SCHEMA,
            issued: course.issued,
            completed: totals.endpoints.iter().map(|endpoint| endpoint.outcome(Outcome::Ok)).sum(),
            target_rps: course.target_rps,
            sent_rps: per_second(course.sent_in_window),
            completed_rps: per_second(course.ok_in_window),
            window_s,
            interrupted: course.interrupted_ns.is_some(),
            interrupted_after_s: course.interrupted_ns.map(units::s),
            saturated: totals.saturated,
            schedule_lag_us: Lag::new(&totals.lag),
            endpoints: course.endpoints.iter().zip(&totals.endpoints).map(EndpointSummary::new).collect(),
            warnings: Vec::new(),
        };
        summary.warnings = summary.find_warnings();
        Ok(summary)
    }

    fn find_warnings(&self) -> Vec<Warning> {
        let dropped: u64 =
            self.endpoints.iter().map(|endpoint| endpoint.outcomes.get(Outcome::Dropped)).sum();
        let lag_us = self.schedule_lag_us.p99.filter(|lag_us| *lag_us > LAG_TO_TRUST_US);
        let sent = self.sent_rps * self.window_s / self.issued as f64;
        let mut warnings = Vec::new();
        warnings.extend(self.interrupted_after_s.map(|after_s| Warning::Interrupted { after_s }));
        warnings.extend(lag_us.map(|p99_us| Warning::ScheduleLag { p99_us }));
        if dropped > 0 {
            warnings.push(Warning::Dropped { requests: dropped });
        }
        if self.issued > 0 && sent < SENT_TO_TRUST {
            warnings.push(Warning::SentLate { sent_percent: sent * 100.0 });
        }
        if self.saturated > 0 {
            warnings.push(Warning::Saturated { values: self.saturated });
        }
        let asynchronous = self.endpoints.iter().filter(|endpoint| endpoint.asynchronous);
        warnings
            .extend(asynchronous.map(|endpoint| Warning::Asynchronous { endpoint: endpoint.name.clone() }));
        warnings
    }
}

impl EndpointSummary {
    fn new(((name, asynchronous), totals): (&(&str, bool), &EndpointTotals)) -> Self {
        Self {
            name: (*name).to_owned(),
            asynchronous: *asynchronous,
            outcomes: Outcomes(totals.outcomes),
            cold_starts: (totals.starts_known > 0).then_some(totals.cold_starts),
            views: Views {
                response: Latency::new(totals.view(View::Response)),
                service: Latency::new(totals.view(View::Service)),
                function: Latency::new(totals.view(View::Function)),
            },
        }
    }
}

impl Lag {
    fn new(lag: &Histogram) -> Self {
        let quantile = |share: f64| lag.quantile_ns(share).map(units::us);
        Self {
            p50: quantile(0.5),
            p99: quantile(0.99),
            p999: quantile(0.999),
            max: lag.max_ns().map(units::us),
        }
    }
}

impl Latency {
    fn new(histogram: &Histogram) -> Self {
        let quantile = |share: f64| histogram.quantile_ns(share).map(units::us);
        Self {
            count: histogram.count(),
            min: histogram.min_ns().map(units::us),
            // To the nanosecond, as all other values are.
            mean: histogram.mean_ns().map(|ns| units::us(units::rounded(ns))),
            p50: quantile(0.5),
            p90: quantile(0.9),
            p99: quantile(0.99),
            p999: quantile(0.999),
            max: histogram.max_ns().map(units::us),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_data::sample;

    /// A run of one endpoint `f` without a fault.
    fn test_summary() -> Summary {
        let mut totals = Totals::new(1);
        for n in 1..=3000 {
            totals.record(&sample(0, Outcome::Ok, 1_000_000 * n));
        }
        let course = Course {
            endpoints: vec![("f", false)],
            target_rps: 300.0,
            issued: 3000,
            window_ns: 10_000_000_000,
            interrupted_ns: None,
            sent_in_window: 3000,
            ok_in_window: 3000,
        };
        Summary::new(&course, &totals).unwrap()
    }

    fn course(issued: u64) -> Course<'static> {
        Course {
            endpoints: vec![("f", false)],
            target_rps: 0.1,
            issued,
            window_ns: 10_000_000_000,
            interrupted_ns: None,
            sent_in_window: issued,
            ok_in_window: issued,
        }
    }

    #[test]
    fn a_rate_that_was_kept_reads_exactly() {
        let summary = test_summary();
        assert_eq!((summary.sent_rps.to_bits(), summary.completed), (300.0_f64.to_bits(), 3000));
        let views = &summary.endpoints[0].views;
        assert_eq!((views.response.count, views.function.count, views.function.p50), (3000, 0, None));
        assert_eq!(summary.endpoints[0].cold_starts, Some(3000));
        let p50 = views.response.p50.unwrap();
        assert!((p50 - 1_500_000.0).abs() <= 1_500.0, "{p50}");
    }

    #[test]
    fn an_interrupted_run_ended_when_it_was_and_not_with_its_window() {
        let mut totals = Totals::new(1);
        totals.record(&sample(0, Outcome::Ok, 1_000_000));
        let course = Course { interrupted_ns: Some(2_000_000_000), ..course(1) };
        let summary = Summary::new(&course, &totals).unwrap();
        assert_eq!((summary.interrupted, summary.interrupted_after_s), (true, Some(2.0)));
        assert_eq!(
            (summary.window_s.to_bits(), summary.sent_rps.to_bits()),
            (10_f64.to_bits(), 0.1_f64.to_bits())
        );
    }

    #[test]
    fn a_lost_sample_is_an_error() {
        let mut totals = Totals::new(1);
        totals.record(&sample(0, Outcome::Timeout, 1));
        let error = Summary::new(&course(3), &totals).unwrap_err();
        assert_eq!(error, SumError { issued: 3, recorded: 1 });
    }

    #[test]
    fn what_may_mislead_is_found() {
        assert_eq!(test_summary().warnings, []);
        let mut summary = Summary {
            sent_rps: 290.0,
            interrupted_after_s: Some(2.0),
            saturated: 1,
            schedule_lag_us: Lag { p50: Some(9.0), p99: Some(1234.0), p999: None, max: None },
            ..test_summary()
        };
        summary.endpoints[0].asynchronous = true;
        summary.endpoints[0].outcomes.0[Outcome::Dropped as usize] = 7;
        summary.warnings = summary.find_warnings();
        let kinds: Vec<_> = summary.warnings.iter().map(std::mem::discriminant).collect();
        let expected = [
            Warning::Interrupted { after_s: 2.0 },
            Warning::ScheduleLag { p99_us: 1234.0 },
            Warning::Dropped { requests: 7 },
            Warning::SentLate { sent_percent: 0.0 },
            Warning::Saturated { values: 1 },
            Warning::Asynchronous { endpoint: "f".to_owned() },
        ];
        assert_eq!(kinds, expected.each_ref().map(std::mem::discriminant));
        let json = serde_json::to_string(&summary).unwrap();
        assert_eq!(serde_json::from_str::<Summary>(&json).unwrap(), summary);
    }

    #[test]
    fn a_summary_without_warnings_or_an_outcome_is_refused() {
        for key in ["/warnings", "/endpoints/0/outcomes/dropped"] {
            let mut json = serde_json::to_value(test_summary()).unwrap();
            let (parent, key) = key.rsplit_once('/').unwrap();
            json.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key);
            let error = serde_json::from_value::<Summary>(json).unwrap_err().to_string();
            assert_eq!(error, format!("missing field `{key}`"));
        }
    }
}
