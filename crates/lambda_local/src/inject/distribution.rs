//! Distributions of latencies, sampled by inversion: equal random numbers give equal latencies.

use std::f64::consts::TAU;
use std::sync::Arc;

/// No latency is longer, as no invocation on Lambda is. In nanoseconds.
pub(crate) const MAX_LATENCY_NS: u64 = 900_000_000_000;

/// The 99th percentile of the standard normal distribution.
const NORMAL_P99: f64 = 2.326_347_874_040_841;

/// How latencies are distributed. All times are nanoseconds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Distribution {
    /// Always the same.
    Constant(u64),
    /// The logarithm is normally distributed, with this median and this 99th percentile.
    Lognormal { p50_ns: f64, p99_ns: f64 },
    /// One of two values.
    Bimodal { fast_ns: u64, slow_ns: u64, slow_share: f64 },
    /// Each of these values is as likely as any other. There is at least one.
    Empirical(Arc<[u64]>),
}

impl Distribution {
    /// The latency that two random numbers from [0, 1) stand for.
    pub(crate) fn sample(&self, random: [f64; 2]) -> u64 {
        match self {
            Self::Constant(ns) => *ns,
            Self::Lognormal { p50_ns, p99_ns } => {
                let sigma = (p99_ns / p50_ns).ln() / NORMAL_P99;
                whole_ns(p50_ns * (sigma * normal(random)).exp())
            }
            Self::Bimodal { fast_ns, slow_ns, slow_share } => {
                if random[0] < *slow_share {
                    *slow_ns
                } else {
                    *fast_ns
                }
            }
            Self::Empirical(values) => values[index(random[0], values.len())],
        }
    }
}

/// A normally distributed number, by the method of Box and Muller.
fn normal([first, second]: [f64; 2]) -> f64 {
    // The first number may be 0, of which there is no logarithm. Its distance to 1 is never 0.
    (-2.0 * (1.0 - first).ln()).sqrt() * (TAU * second).cos()
}

/// Whole nanoseconds, at most as many as an invocation may take.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast keeps within the bounds of u64"
)]
pub(super) fn whole_ns(ns: f64) -> u64 {
    (ns.round() as u64).min(MAX_LATENCY_NS)
}

/// The place among `count` that a random number from [0, 1) stands for.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "there are at most some millions"
)]
fn index(random: f64, count: usize) -> usize {
    ((random * count as f64) as usize).min(count - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_random_numbers_give_known_latencies() {
        let lognormal = Distribution::Lognormal { p50_ns: 1e7, p99_ns: 8e7 };
        let bimodal = Distribution::Bimodal { fast_ns: 1, slow_ns: 9, slow_share: 0.25 };
        let empirical = Distribution::Empirical([10, 20, 30].into());
        for (distribution, random, expected) in [
            (&Distribution::Constant(5), [0.7, 0.1], 5),
            // A quarter of a turn: the normal number is 0.
            (&lognormal, [0.5, 0.25], 10_000_000),
            (&lognormal, [0.0, 0.0], 10_000_000),
            (&bimodal, [0.249, 0.0], 9),
            (&bimodal, [0.25, 0.0], 1),
            (&empirical, [0.0, 0.0], 10),
            (&empirical, [0.334, 0.0], 20),
            (&empirical, [1.0 - f64::EPSILON, 0.0], 30),
        ] {
            assert_eq!(distribution.sample(random), expected, "{distribution:?} {random:?}");
        }
    }

    #[test]
    fn the_percentiles_of_the_lognormal_distribution_are_those_asked_for() {
        let distribution = Distribution::Lognormal { p50_ns: 1e7, p99_ns: 8e7 };
        // A grid of random numbers, so that the result does not depend on chance.
        let grid =
            (0..400).flat_map(|n| (0..400).map(move |m| [n, m].map(|at| (f64::from(at) + 0.5) / 400.0)));
        let mut latencies: Vec<_> = grid.map(|random| distribution.sample(random)).collect();
        latencies.sort_unstable();
        for (percentile, expected) in [(0.5, 1e7), (0.99, 8e7), (0.01, 1.25e6)] {
            let found = latencies[index(percentile, latencies.len())] as f64;
            assert!((found / expected - 1.0).abs() < 0.01, "{percentile}: {found}");
        }
    }

    proptest! {
        #[test]
        fn no_latency_is_longer_than_an_invocation_may_be(
            p50_ns in 1.0..9e11_f64, factor in 1.0..1e6_f64, first in 0.0..1.0_f64, second in 0.0..1.0_f64
        ) {
            let distribution = Distribution::Lognormal { p50_ns, p99_ns: p50_ns * factor };
            prop_assert!(distribution.sample([first, second]) <= MAX_LATENCY_NS);
        }
    }
}
