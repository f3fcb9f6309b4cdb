//! The published result of a run: what `summary.json` holds. `schema/summary.schema.json` describes it.

use hdrhistogram::Histogram;
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::endpoints::Endpoint;
use crate::histograms::{EndpointTotals, Lazy, View};
use crate::pacer::Paced;
use crate::recorder::Recording;
use crate::sample::Outcome;

/// The version of the layout of `summary.json`; it changes when a key changes its meaning or goes.
pub const SCHEMA: u32 = 1;

/// The result of a run.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Summary {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Invocations that were due, and are all accounted for.
    pub issued: u64,
    /// Invocations with outcome `ok`.
    pub completed: u64,
    /// The rate asked for, over all endpoints.
    pub target_rps: f64,
    /// Requests sent within the window, a second of it.
    pub sent_rps: f64,
    /// Requests that succeeded within the window, a second of it: the "real" rate of the original invoker.
    pub completed_rps: f64,
    /// The window: from the start of the run to the end of the schedule. That of a run that was stopped ends when it was,
    /// but not before the first arrival that was left out was due.
    pub window_s: f64,
    /// Whether the run was cut short.
    pub interrupted: bool,
    /// When it was, in seconds since its start; null if it was not.
    pub interrupted_after_s: Option<f64>,
    /// Values above an hour, which were recorded as an hour.
    pub saturated: u64,
    /// How late requests were sent.
    pub schedule_lag_us: Lag,
    /// By endpoint.
    pub endpoints: Vec<EndpointSummary>,
}

/// Schedule lag in microseconds; null if nothing was sent.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[expect(missing_docs, reason = "the fields are the percentiles that they are named after")]
pub struct Lag {
    pub p50: Option<f64>,
    pub p99: Option<f64>,
    pub p999: Option<f64>,
    pub max: Option<f64>,
}

/// The result of one endpoint.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct EndpointSummary {
    /// Its unique name.
    pub name: String,
    /// Whether it was called asynchronously: then `ok` means accepted.
    pub asynchronous: bool,
    /// Invocations by outcome.
    pub outcomes: Outcomes,
    /// Invocations for which the function had to be started; null if no answer told.
    pub cold_starts: Option<u64>,
    /// Latencies of invocations with outcome `ok`.
    pub views: Views,
}

/// Invocations by outcome; all outcomes are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcomes(pub [u64; Outcome::ALL.len()]);

/// Latencies as seen from three places.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Views {
    /// Intended to done.
    pub response: Latency,
    /// Sent to done.
    pub service: Latency,
    /// What the function reported.
    pub function: Latency,
}

/// A distribution in microseconds, with three significant digits; null where there is no value.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
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

/// The sums do not agree: some invocation was lost or counted twice, and no number can be trusted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{issued} invocations were issued but {recorded} recorded: this is a defect of awsinvoker, do not use the results"
)]
pub struct SumError {
    /// What the pacer issued.
    pub issued: u64,
    /// What the recorder took.
    pub recorded: u64,
}

impl Summary {
    /// Sums up a run, which may have been interrupted at a time since its start.
    ///
    /// # Errors
    /// Not every issued invocation was recorded exactly once.
    pub fn new(
        endpoints: &[Endpoint],
        target_rps: f64,
        paced: Paced,
        interrupted_ns: Option<u64>,
        recording: &Recording,
    ) -> Result<Self, SumError> {
        let totals = &recording.totals;
        let recorded = totals.endpoints.iter().flat_map(|endpoint| endpoint.outcomes).sum();
        if recorded != paced.issued {
            return Err(SumError { issued: paced.issued, recorded });
        }
        let window_s = paced.window_ns as f64 / 1e9;
        let per_second = |count: u64| if count == 0 { 0.0 } else { count as f64 / window_s };
        Ok(Self {
            schema: SCHEMA,
            issued: paced.issued,
            completed: totals.endpoints.iter().map(|endpoint| endpoint.outcomes[Outcome::Ok as usize]).sum(),
            target_rps,
            sent_rps: per_second(recording.sent_in_window),
            completed_rps: per_second(recording.ok_in_window),
            window_s,
            interrupted: interrupted_ns.is_some(),
            interrupted_after_s: interrupted_ns.map(|ns| ns as f64 / 1e9),
            saturated: totals.saturated,
            schedule_lag_us: Lag::new(&totals.lag),
            endpoints: endpoints.iter().zip(&totals.endpoints).map(EndpointSummary::new).collect(),
        })
    }
}

impl EndpointSummary {
    fn new((endpoint, totals): (&Endpoint, &EndpointTotals)) -> Self {
        let view = |view: View| Latency::new(&totals.views[view as usize]);
        Self {
            name: endpoint.name.clone(),
            asynchronous: endpoint.asynchronous,
            outcomes: Outcomes(totals.outcomes),
            cold_starts: (totals.starts_known > 0).then_some(totals.cold_starts),
            views: Views {
                response: view(View::Response),
                service: view(View::Service),
                function: view(View::Function),
            },
        }
    }
}

impl Outcomes {
    /// Invocations with this outcome.
    pub fn get(&self, outcome: Outcome) -> u64 {
        self.0[outcome as usize]
    }
}

impl Serialize for Outcomes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(Outcome::ALL.len()))?;
        for outcome in Outcome::ALL {
            map.serialize_entry(outcome.name(), &self.get(outcome))?;
        }
        map.end()
    }
}

impl Lag {
    fn new(lag: &Lazy) -> Self {
        let quantile = |q: f64| lag.get().map(|histogram| us(histogram.value_at_quantile(q)));
        Self {
            p50: quantile(0.5),
            p99: quantile(0.99),
            p999: quantile(0.999),
            max: lag.get().map(|histogram| us(histogram.max())),
        }
    }
}

impl Latency {
    fn new(lazy: &Lazy) -> Self {
        let of = |value: fn(&Histogram<u64>) -> f64| lazy.get().map(value);
        Self {
            count: lazy.get().map_or(0, Histogram::len),
            min: of(|histogram| us(histogram.min())),
            mean: of(|histogram| rounded(histogram.mean() / 1e3)),
            p50: of(|histogram| us(histogram.value_at_quantile(0.5))),
            p90: of(|histogram| us(histogram.value_at_quantile(0.9))),
            p99: of(|histogram| us(histogram.value_at_quantile(0.99))),
            p999: of(|histogram| us(histogram.value_at_quantile(0.999))),
            max: of(|histogram| us(histogram.max())),
        }
    }
}

fn us(ns: u64) -> f64 {
    ns as f64 / 1e3
}

/// A mean in microseconds to the nanosecond, as all other values are.
fn rounded(us: f64) -> f64 {
    (us * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histograms::Totals;
    use crate::sample::Sample;

    fn recording(samples: u64) -> Recording {
        let mut totals = Totals::new(1);
        for n in 0..samples {
            totals.record(&Sample {
                sequence: n,
                endpoint: 0,
                request_id: None,
                intended_ns: 0,
                sent_ns: Some(2_000),
                done_ns: Some(1_000_000 * (n + 1)),
                outcome: Outcome::Ok,
                function_latency_s: None,
                cold: Some(n == 0),
                init_ns: None,
                error: None,
            });
        }
        Recording { totals, sent_in_window: samples, ok_in_window: samples, failures: Vec::new() }
    }

    fn endpoint() -> Endpoint {
        Endpoint { name: "f".into(), hostname: "f".into(), payload: "{}".into(), asynchronous: false }
    }

    #[test]
    fn a_rate_that_was_kept_reads_exactly() {
        let paced = Paced { issued: 3000, window_ns: 10_000_000_000 };
        let summary = Summary::new(&[endpoint()], 300.0, paced, None, &recording(3000)).unwrap();
        assert_eq!((summary.sent_rps.to_bits(), summary.completed), (300.0_f64.to_bits(), 3000));
        let views = &summary.endpoints[0].views;
        assert_eq!((views.response.count, views.function.count, views.function.p50), (3000, 0, None));
        assert_eq!(summary.endpoints[0].cold_starts, Some(1));
        let p50 = views.response.p50.unwrap();
        assert!((p50 - 1_500_000.0).abs() <= 1_500.0, "{p50}");
    }

    #[test]
    fn an_interrupted_run_ended_when_it_was_and_not_with_its_window() {
        let paced = Paced { issued: 1, window_ns: 10_000_000_000 };
        let summary = Summary::new(&[endpoint()], 0.1, paced, Some(2_000_000_000), &recording(1)).unwrap();
        assert_eq!((summary.interrupted, summary.interrupted_after_s), (true, Some(2.0)));
        assert_eq!(
            (summary.window_s.to_bits(), summary.sent_rps.to_bits()),
            (10_f64.to_bits(), 0.1_f64.to_bits())
        );
    }

    #[test]
    fn a_lost_sample_is_an_error() {
        let paced = Paced { issued: 3, window_ns: 1 };
        let error = Summary::new(&[endpoint()], 1.0, paced, None, &recording(2)).unwrap_err();
        assert_eq!(error, SumError { issued: 3, recorded: 2 });
    }
}
