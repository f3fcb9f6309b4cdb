//! Distributions of latencies as they are published: percentiles with their intervals.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::histogram::{Histogram, View};
use crate::order_statistics;
use crate::units;

/// The shares of the percentiles that are published: p50, p90, p95, p99, p99.9 and p99.99.
const SHARES: [f64; 6] = [0.5, 0.9, 0.95, 0.99, 0.999, 0.9999];

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

/// A distribution in microseconds. A percentile is null if there are too few values to tell it: below 6, 36, 72, 368, 3688
/// and 36887 values, no two of them enclose p50, p90, p95, p99, p99.9 and p99.99 with 95 % certainty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Latency {
    /// How many values there are.
    pub count: u64,
    /// The smallest value; null if there is none.
    pub min: Option<f64>,
    /// The mean; null if there is no value.
    pub mean: Option<f64>,
    /// The value that half of all values do not exceed.
    pub p50: Option<f64>,
    /// The value that 90 % of all values do not exceed.
    pub p90: Option<f64>,
    /// The value that 95 % of all values do not exceed.
    pub p95: Option<f64>,
    /// The value that 99 % of all values do not exceed.
    pub p99: Option<f64>,
    /// The value that 99.9 % of all values do not exceed.
    pub p999: Option<f64>,
    /// The value that 99.99 % of all values do not exceed.
    pub p9999: Option<f64>,
    /// The greatest value; null if there is none.
    pub max: Option<f64>,
    /// How well the percentiles are known.
    pub intervals: Intervals,
}

/// The lower and the upper end of a 95 % interval for each percentile, in microseconds, from the ranks of the binomial
/// distribution. They are those of requests alone: they assume that values are independent of each other, and know nothing of
/// environments. Latencies that follow each other are not, so the
/// true intervals are wider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are the percentiles that they are named after")]
pub struct Intervals {
    pub p50: Option<[f64; 2]>,
    pub p90: Option<[f64; 2]>,
    pub p95: Option<[f64; 2]>,
    pub p99: Option<[f64; 2]>,
    pub p999: Option<[f64; 2]>,
    pub p9999: Option<[f64; 2]>,
}

/// Schedule lag in microseconds; null if nothing was sent. These are percentiles of the requests of this run, however few.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are the percentiles that they are named after")]
pub struct Lag {
    pub p50: Option<f64>,
    pub p99: Option<f64>,
    pub p999: Option<f64>,
    pub max: Option<f64>,
}

impl Views {
    /// One view of these.
    pub fn get(&self, view: View) -> &Latency {
        match view {
            View::Response => &self.response,
            View::Service => &self.service,
            View::Function => &self.function,
        }
    }
}

impl Latency {
    /// The distribution of a histogram.
    pub fn new(histogram: &Histogram) -> Self {
        let ranks = SHARES.map(|share| order_statistics::ranks(histogram.count(), share));
        let steps = histogram.steps();
        let interval = |at: usize| ranks[at].map(|ends| ends.map(|rank| units::us(steps.at_rank(rank))));
        // Where there is no interval, the value says nothing.
        let percentile = |at: usize| {
            let known = ranks[at].is_some();
            known.then(|| histogram.quantile_ns(SHARES[at]).map(units::us)).flatten()
        };
        Self {
            count: histogram.count(),
            min: histogram.min_ns().map(units::us),
            // To the nanosecond, as all other values are.
            mean: histogram.mean_ns().map(|ns| units::us(units::rounded(ns))),
            p50: percentile(0),
            p90: percentile(1),
            p95: percentile(2),
            p99: percentile(3),
            p999: percentile(4),
            p9999: percentile(5),
            max: histogram.max_ns().map(units::us),
            intervals: Intervals {
                p50: interval(0),
                p90: interval(1),
                p95: interval(2),
                p99: interval(3),
                p999: interval(4),
                p9999: interval(5),
            },
        }
    }
}

impl Lag {
    /// The lag of a histogram.
    pub fn new(lag: &Histogram) -> Self {
        let quantile = |share: f64| lag.quantile_ns(share).map(units::us);
        Self {
            p50: quantile(0.5),
            p99: quantile(0.99),
            p999: quantile(0.999),
            max: lag.max_ns().map(units::us),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_data::histogram;

    #[test]
    fn percentiles_that_too_few_values_carry_are_not_told() {
        let values: Vec<u64> = (1..=400).map(|ms| ms * 1_000_000).collect();
        let latency = Latency::new(&histogram(&values));
        assert_eq!((latency.count, latency.p999, latency.intervals.p999), (400, None, None));
        let near = |us: f64, ms: f64| (us / 1e3 - ms).abs() <= ms / 1e3;
        let [low, high] = latency.intervals.p99.unwrap();
        assert!(near(latency.p99.unwrap(), 396.0), "{latency:?}");
        assert!(near(low, 392.0) && near(high, 400.0), "{latency:?}");
        let few = Latency::new(&histogram(&values[..5]));
        assert_eq!(
            (few.p50, few.min.is_some(), few.mean.is_some(), few.max.is_some()),
            (None, true, true, true)
        );
        assert_eq!(Latency::new(&Histogram::default()), Latency::default());
    }
}
