//! When each invocation is due and whom it calls: pure arithmetic, no clock.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use run_record::Arrival;
use run_record::run_info::Arrivals;
use run_record::units::{self, NS_PER_S};

/// Billionths in one.
const NANO: f64 = 1e9;

/// A rate in requests per second, held in billionths so that the schedule is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    nano_rps: u64,
}

impl Rate {
    /// The greatest rate, in requests per second.
    pub const MAX_RPS: f64 = 100_000.0;
    /// The smallest rate, in requests per second.
    pub const MIN_RPS: f64 = 1e-6;

    /// A rate in requests per second, rounded to the ninth decimal; `None` outside the bounds.
    pub fn from_rps(rps: f64) -> Option<Self> {
        let bounds = Self::MIN_RPS..=Self::MAX_RPS;
        bounds.contains(&rps).then(|| Self { nano_rps: units::rounded(rps * NANO) })
    }

    /// The rate in requests per second.
    pub fn rps(self) -> f64 {
        self.nano_rps as f64 / NANO
    }

    /// The offset of the n-th arrival in nanoseconds, rounded down.
    fn offset_ns(self, n: u64) -> u64 {
        let ns = u128::from(n) * u128::from(NS_PER_S) * u128::from(NS_PER_S) / u128::from(self.nano_rps);
        u64::try_from(ns).unwrap_or(u64::MAX)
    }

    /// How many arrivals lie before `duration_ns`, the first being at 0.
    fn arrivals_before(self, duration_ns: u64) -> u64 {
        let scaled = u128::from(duration_ns) * u128::from(self.nano_rps);
        let arrivals = scaled.div_ceil(u128::from(NS_PER_S) * u128::from(NS_PER_S));
        u64::try_from(arrivals).unwrap_or(u64::MAX)
    }
}

/// All invocations of a run.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// The total rate over all endpoints.
    pub rate: Rate,
    /// Arrivals lie before this.
    pub duration_ns: u64,
    /// How arrivals follow one another.
    pub arrivals: Arrivals,
    /// The seed that [`Arrivals::Poisson`] draws from.
    pub seed: u64,
    /// Endpoint indices, walked round robin. Not empty.
    pub slots: Vec<usize>,
}

impl Schedule {
    /// Arrivals at equal distances for one endpoint.
    pub fn constant(rate: Rate, duration: Duration) -> Self {
        let duration_ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self { rate, duration_ns, arrivals: Arrivals::Constant, seed: 0, slots: vec![0] }
    }

    /// The end of the window over which rates are computed, in nanoseconds. With constant arrivals each stands for one
    /// period, so this is the due time of the first arrival that is not part of the run; it equals the duration
    /// whenever rate × duration is whole.
    pub fn end_ns(&self) -> u64 {
        match self.arrivals {
            Arrivals::Constant => self.rate.offset_ns(self.rate.arrivals_before(self.duration_ns)),
            Arrivals::Poisson => self.duration_ns,
        }
    }

    /// The number of arrivals; only their expected number when they are random.
    pub fn expected(&self) -> u64 {
        self.rate.arrivals_before(self.duration_ns)
    }

    /// All arrivals, in the order of their due times.
    pub fn iter(&self) -> Box<dyn Iterator<Item = Arrival> + Send + '_> {
        match self.arrivals {
            Arrivals::Constant => Box::new(self.place((0..self.expected()).map(|n| self.rate.offset_ns(n)))),
            Arrivals::Poisson => Box::new(self.place(self.random_offsets())),
        }
    }

    fn random_offsets(&self) -> impl Iterator<Item = u64> + Send {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let (mut at_s, rps, duration_ns) = (0.0_f64, self.rate.rps(), self.duration_ns);
        let next = move || {
            // 1 - u lies in (0, 1], whose logarithm is finite.
            at_s -= (1.0 - rng.random::<f64>()).ln() / rps;
            Some(units::ns_from_s(at_s))
        };
        std::iter::from_fn(next).take_while(move |&ns| ns < duration_ns)
    }

    fn place(&self, offsets: impl Iterator<Item = u64> + Send) -> impl Iterator<Item = Arrival> + Send {
        (0..)
            .zip(self.slots.iter().cycle())
            .zip(offsets)
            .map(|((sequence, &endpoint), intended_ns)| Arrival { sequence, intended_ns, endpoint })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn schedule(rps: f64, seconds: u64, slots: usize) -> Schedule {
        Schedule {
            rate: Rate::from_rps(rps).unwrap(),
            duration_ns: seconds * NS_PER_S,
            arrivals: Arrivals::Constant,
            seed: 0,
            slots: (0..slots).collect(),
        }
    }

    #[test]
    fn three_hundred_for_three_minutes_is_exactly_54000() {
        let schedule = schedule(300.0, 180, 1);
        assert_eq!(schedule.iter().count(), 54_000);
        assert_eq!(schedule.end_ns(), 180 * NS_PER_S);
        let third = schedule.iter().nth(3).unwrap();
        assert_eq!(third.intended_ns, 10_000_000);
        assert_eq!(schedule.iter().last().unwrap().intended_ns, 179_996_666_666);
    }

    #[test]
    fn rates_above_a_thousand_and_below_one() {
        assert_eq!(schedule(1001.0, 10, 1).iter().count(), 10_010);
        let slow: Vec<_> = schedule(0.5, 5, 1).iter().map(|arrival| arrival.intended_ns / NS_PER_S).collect();
        assert_eq!(slow, [0, 2, 4]);
        assert_eq!(schedule(0.5, 5, 1).end_ns(), 6 * NS_PER_S);
        assert_eq!(schedule(33.3, 10, 1).iter().count(), 333);
    }

    #[test]
    fn endpoints_are_walked_round_robin() {
        let walked: Vec<_> = schedule(5.0, 1, 2).iter().map(|arrival| arrival.endpoint).collect();
        assert_eq!(walked, [0, 1, 0, 1, 0]);
    }

    #[test]
    fn random_arrivals_repeat_with_the_seed_and_have_the_right_rate() {
        let poisson = |seed| Schedule { arrivals: Arrivals::Poisson, seed, ..schedule(1000.0, 10, 1) };
        let offsets = |seed| poisson(seed).iter().map(|arrival| arrival.intended_ns).collect::<Vec<_>>();
        assert_eq!(offsets(7), offsets(7));
        assert_ne!(offsets(7), offsets(8));
        let count = offsets(7).len();
        // Ten thousand expected, standard deviation one hundred.
        assert!((9_500..10_500).contains(&count), "{count} arrivals");
        assert!(offsets(7).is_sorted());
    }

    #[test]
    fn refuses_rates_out_of_bounds() {
        for rps in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-7, 100_001.0] {
            assert_eq!(Rate::from_rps(rps), None, "{rps}");
        }
    }

    proptest! {
        #[test]
        fn no_drift_and_no_arrival_outside(rps in 0.001_f64..5_000.0, ms in 1_u64..2_000) {
            let schedule = Schedule { duration_ns: ms * 1_000_000, ..schedule(rps, 1, 3) };
            let rate = schedule.rate.rps();
            let mut count = 0_u64;
            for arrival in schedule.iter() {
                let exact = count as f64 / rate * 1e9;
                prop_assert!((arrival.intended_ns as f64 - exact).abs() <= 1.001);
                prop_assert!(arrival.intended_ns < schedule.duration_ns);
                prop_assert_eq!(arrival.sequence, count);
                prop_assert_eq!(arrival.endpoint as u64, count % 3);
                count += 1;
            }
            prop_assert_eq!(count, schedule.expected());
            prop_assert!(schedule.end_ns() >= schedule.duration_ns - 1);
        }
    }
}
