//! When each invocation is due and whom it calls: pure arithmetic, no clock.
//!
//! Several load generators may each send a part of one schedule. A shard sends whole rounds, so that each of them loads
//! every system equally. In a schedule that is computed, a round is each entry of the endpoints file as often as its weight
//! says. A file with a schedule has no such rounds. There, round *r* has the call number *r* of each endpoint, so the calls
//! of each endpoint are dealt out in turn.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use run_record::run_info::{Arrivals, Order};
use run_record::{Arrival, Shard, units};

use super::distances::{exponential, first_uniform, uniform};
pub use super::rate::Rate;
use super::recording::Recording;
use super::stages::{Profile, REQUEST};
use super::walk::{Numbering, Walk};

/// All invocations of an open loop.
#[derive(Clone, Debug)]
pub enum Schedule {
    /// Computed from rates.
    Generated(Generated),
    /// Read from a file.
    Recorded(Recording),
    /// What one of several load generators sends of one of the others.
    Shard(ShardSchedule),
}

/// Invocations that are computed from rates.
#[derive(Clone, Debug)]
pub struct Generated {
    /// The total rate over all endpoints. Arrivals lie within it.
    pub profile: Profile,
    /// How arrivals follow one another.
    pub arrivals: Arrivals,
    /// What random arrivals are drawn from.
    pub seed: u64,
    /// Whom they call.
    pub walk: Walk,
}

impl Schedule {
    /// Arrivals at equal distances for one endpoint.
    pub fn constant(rate: Rate, duration: Duration) -> Self {
        let duration_ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self::Generated(Generated {
            profile: Profile::constant(rate, duration_ns),
            arrivals: Arrivals::Constant,
            seed: 0,
            walk: Walk { order: Order::RoundRobin, seed: 0, slots: vec![0] },
        })
    }

    /// The end of the window over which rates are computed, in nanoseconds. With constant arrivals each stands for one
    /// period, so this is the due time of the first arrival that is not part of the run; it equals the duration
    /// whenever rate × duration is whole.
    pub fn end_ns(&self) -> u64 {
        match self {
            Self::Generated(generated) => generated.end_ns(),
            Self::Recorded(recording) => recording.end_ns(),
            Self::Shard(sharded) => sharded.whole().end_ns(),
        }
    }

    /// The number of arrivals; only their expected number when they are random.
    pub fn expected(&self) -> u64 {
        match self {
            Self::Generated(generated) => generated.profile.requests(),
            Self::Recorded(recording) => recording.calls(),
            Self::Shard(sharded) => sharded.requests(),
        }
    }

    /// Whether there are more arrivals than this.
    pub(super) fn has_more_than(&self, limit: u64) -> bool {
        // A random number of arrivals is known only once they are drawn, which takes long for many. It is close to the
        // expected one.
        let may_exceed = || self.is_random() && self.expected() > limit / 10 * 9;
        let count = usize::try_from(limit).unwrap_or(usize::MAX);
        self.expected() > limit || may_exceed() && self.iter().nth(count).is_some()
    }

    /// Whether [`Self::expected`] is only the expected number.
    pub fn is_random(&self) -> bool {
        match self {
            Self::Generated(generated) => generated.arrivals != Arrivals::Constant,
            Self::Recorded(_) => false,
            Self::Shard(sharded) => sharded.whole().is_random(),
        }
    }

    /// The end of the window of a run that was stopped at `now_ns`, when the next arrival would have been due. At a
    /// constant rate each arrival stands for one period, so the window ends with the period that had begun.
    pub fn end_if_stopped_ns(&self, now_ns: u64, next_due_ns: u64) -> u64 {
        match self {
            Self::Generated(Generated { profile, arrivals: Arrivals::Constant, .. })
                if profile.only_rate().is_some() =>
            {
                now_ns.max(next_due_ns)
            }
            _ => now_ns,
        }
    }

    /// The rate that is asked for, in requests per second: the mean over the window if it changes.
    pub fn target_rps(&self) -> f64 {
        let mean = || self.expected() as f64 / units::s(self.end_ns());
        match self {
            // Its share of the rate of the whole, so that those of all shards add up to it.
            Self::Shard(sharded) => sharded.whole().target_rps() * sharded.share(),
            // A mean of whole requests would be another rate, since the window ends at a whole nanosecond.
            Self::Generated(Generated { profile, arrivals, .. })
                if profile.only_rate().is_some() || *arrivals != Arrivals::Constant =>
            {
                profile.mean_rps()
            }
            _ => mean(),
        }
    }

    /// The beginning of the schedule, of this length. A single rate lasts as long as is asked for.
    pub(crate) fn beginning(&self, duration_ns: u64) -> Self {
        match self {
            Self::Generated(generated) => Self::Generated(Generated {
                profile: generated.profile.beginning(duration_ns),
                ..generated.clone()
            }),
            Self::Recorded(recording) => Self::Recorded(recording.beginning(duration_ns)),
            Self::Shard(sharded) => {
                Self::Shard(ShardSchedule::new(sharded.whole().beginning(duration_ns), sharded.shard))
            }
        }
    }

    /// What the shard sends of it.
    pub(super) fn of_shard(self, shard: Shard) -> Self {
        Self::Shard(ShardSchedule::new(self, shard))
    }

    /// How many rounds it has: with random arrivals only the expected number. Each shard needs one.
    pub(super) fn rounds(&self) -> u64 {
        match self {
            Self::Generated(generated) => self.expected() / generated.walk.slots.len().max(1) as u64,
            Self::Recorded(recording) => {
                recording.calls_by_endpoint().into_iter().filter(|calls| *calls > 0).min().unwrap_or(0)
            }
            Self::Shard(sharded) => sharded.whole().rounds(),
        }
    }

    /// The common schedule of a shard, and any other schedule itself.
    pub fn whole(&self) -> &Self {
        match self {
            Self::Shard(sharded) => sharded.whole(),
            whole => whole,
        }
    }

    /// All arrivals, in the order of their due times. They are computed one by one.
    pub fn iter(&self) -> Box<dyn Iterator<Item = Arrival> + Send + '_> {
        match self {
            Self::Generated(generated) => Box::new(generated.arrivals(|_| true)),
            Self::Recorded(recording) => Box::new(numbered(recording.iter())),
            Self::Shard(sharded) => sharded.iter(),
        }
    }
}

impl Generated {
    fn end_ns(&self) -> u64 {
        match self.arrivals {
            Arrivals::Constant => self.profile.next_request_ns(),
            Arrivals::Poisson | Arrivals::Uniform => self.profile.duration_ns(),
        }
    }

    /// The arrivals whose numbers are chosen. The times of others are not computed.
    fn arrivals(
        &self,
        mut is_chosen: impl FnMut(u64) -> bool + Send,
    ) -> impl Iterator<Item = Arrival> + Send {
        let mut numbering = Numbering::default();
        let steps = self.walk.steps().map(move |endpoint| (endpoint, numbering.next(endpoint)));
        let calls = (0..).zip(steps).zip(self.areas());
        let chosen = calls.filter(move |((sequence, _), _)| is_chosen(*sequence));
        let times = self.profile.times_ns(chosen.map(|(call, area)| (area, call)));
        times.map(|(intended_ns, (sequence, (endpoint, number)))| Arrival {
            sequence,
            endpoint,
            number,
            intended_ns,
        })
    }

    /// The areas under the rate at which requests are due.
    fn areas(&self) -> Box<dyn Iterator<Item = u128> + Send> {
        match self.arrivals {
            Arrivals::Constant => Box::new((0..).map(|n| n * REQUEST)),
            // Where the rate changes, time passes as fast as the rate: distances are drawn in requests.
            Arrivals::Poisson => Box::new(self.random_areas(exponential, exponential)),
            Arrivals::Uniform => Box::new(self.random_areas(first_uniform, uniform)),
        }
    }

    /// The sums of random distances, given in requests.
    fn random_areas(
        &self,
        first: fn(f64) -> f64,
        further: fn(f64) -> f64,
    ) -> impl Iterator<Item = u128> + Send + use<> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let distances = std::iter::once(first).chain(std::iter::repeat(further));
        distances.scan(0_u128, move |area, distance| {
            let requests = distance(rng.random());
            *area += u128::from(units::rounded(requests.trunc())) * REQUEST;
            *area += u128::from(units::rounded(requests.fract() * REQUEST as f64));
            Some(*area)
        })
    }
}

/// What one of several load generators sends of a common schedule. Its arrivals have the numbers and the times that they
/// have there.
#[derive(Clone, Debug)]
pub struct ShardSchedule {
    /// The common schedule, which is not that of a shard.
    whole: Box<Schedule>,
    /// Which of the load generators sends it.
    pub shard: Shard,
    requests: u64,
}

impl ShardSchedule {
    /// What the shard sends of this schedule.
    fn new(whole: Schedule, shard: Shard) -> Self {
        let requests = match &whole {
            Schedule::Generated(generated) => {
                shard.requests_before(whole.expected(), generated.walk.slots.len() as u64)
            }
            Schedule::Recorded(recording) => {
                recording.calls_by_endpoint().into_iter().map(|calls| shard.rounds_before(calls)).sum()
            }
            Schedule::Shard(sharded) => return Self::new((*sharded.whole).clone(), shard),
        };
        Self { whole: Box::new(whole), shard, requests }
    }

    /// The common schedule.
    pub(crate) fn whole(&self) -> &Schedule {
        &self.whole
    }

    /// Its arrivals; only their expected number when they are random.
    pub(super) fn requests(&self) -> u64 {
        self.requests
    }

    /// The share of the requests of the common schedule.
    pub(super) fn share(&self) -> f64 {
        if self.whole.is_random() {
            return 1.0 / f64::from(self.shard.total());
        }
        self.requests as f64 / self.whole.expected().max(1) as f64
    }

    /// The arrivals, in the order of their due times.
    pub(super) fn iter(&self) -> Box<dyn Iterator<Item = Arrival> + Send + '_> {
        let shard = self.shard;
        match &*self.whole {
            Schedule::Generated(generated) => {
                let round_len = generated.walk.slots.len() as u64;
                Box::new(generated.arrivals(move |sequence| shard.has_request(sequence, round_len)))
            }
            Schedule::Recorded(recording) => Box::new(dealt_out(recording, shard)),
            Schedule::Shard(sharded) => sharded.iter(),
        }
    }
}

/// The calls of a file that the shard sends.
fn dealt_out(recording: &Recording, shard: Shard) -> impl Iterator<Item = Arrival> + Send + '_ {
    numbered(recording.iter()).filter(move |arrival| shard.has_round(arrival.number))
}

/// Arrivals from their due times and endpoints.
fn numbered(calls: impl Iterator<Item = (u64, usize)> + Send) -> impl Iterator<Item = Arrival> + Send {
    let mut numbering = Numbering::default();
    (0..).zip(calls).map(move |(sequence, (intended_ns, endpoint))| {
        let number = numbering.next(endpoint);
        Arrival { sequence, endpoint, number, intended_ns }
    })
}

#[cfg(test)]
mod shard_tests;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use run_record::units::NS_PER_S;

    use super::*;

    fn generated(stages: &str, arrivals: Arrivals, seed: u64) -> Schedule {
        let walk = Walk { order: Order::RoundRobin, seed, slots: vec![0, 1, 2] };
        Schedule::Generated(Generated { profile: Profile::parse(stages).unwrap(), arrivals, seed, walk })
    }

    fn schedule(rps: f64, seconds: u64) -> Schedule {
        Schedule::constant(Rate::from_rps(rps).unwrap(), Duration::from_secs(seconds))
    }

    #[test]
    fn a_stopped_run_ends_with_its_period_or_where_it_has_none_when_it_is_stopped() {
        let end = |schedule: Schedule| schedule.end_if_stopped_ns(5, 9);
        assert_eq!(end(generated("10s@10", Arrivals::Constant, 0)), 9);
        assert_eq!(generated("10s@10", Arrivals::Constant, 0).end_if_stopped_ns(9, 5), 9);
        assert_eq!(end(generated("1s@10,60s@0,1s@10", Arrivals::Constant, 0)), 5);
        assert_eq!(end(generated("10s@10", Arrivals::Poisson, 0)), 5);
    }

    #[test]
    fn three_hundred_for_three_minutes_is_exactly_54000() {
        let schedule = schedule(300.0, 180);
        assert_eq!(schedule.iter().count(), 54_000);
        assert_eq!(schedule.end_ns(), 180 * NS_PER_S);
        let third = schedule.iter().nth(3).unwrap();
        assert_eq!(third.intended_ns, 10_000_000);
        assert_eq!(schedule.iter().last().unwrap().intended_ns, 179_996_666_666);
    }

    #[test]
    fn rates_above_a_thousand_and_below_one() {
        assert_eq!(schedule(1001.0, 10).iter().count(), 10_010);
        let slow: Vec<_> = schedule(0.5, 5).iter().map(|arrival| arrival.intended_ns / NS_PER_S).collect();
        assert_eq!(slow, [0, 2, 4]);
        assert_eq!(schedule(0.5, 5).end_ns(), 6 * NS_PER_S);
        assert_eq!(schedule(33.3, 10).iter().count(), 333);
    }

    #[test]
    fn the_target_is_the_rate_or_the_mean_of_the_window() {
        let target = |schedule: Schedule| schedule.target_rps();
        assert_eq!(target(schedule(1000.1, 1)).to_bits(), 1000.1_f64.to_bits());
        let stages = "30s@10,60s@10..50,10s@0";
        for arrivals in [Arrivals::Constant, Arrivals::Poisson, Arrivals::Uniform] {
            assert_eq!(target(generated(stages, arrivals, 0)).to_bits(), 21.0_f64.to_bits());
        }
    }

    #[test]
    fn random_arrivals_repeat_with_the_seed_and_have_the_right_rate() {
        for (arrivals, tolerance) in [(Arrivals::Poisson, 500), (Arrivals::Uniform, 290)] {
            let times = |seed| {
                let schedule = generated("10s@1000", arrivals, seed);
                schedule.iter().map(|arrival| arrival.intended_ns).collect::<Vec<_>>()
            };
            assert_eq!(times(7), times(7));
            assert_ne!(times(7), times(8));
            // Ten thousand expected; the tolerance is five standard deviations.
            let count = times(7).len();
            assert!(count.abs_diff(10_000) < tolerance, "{count} arrivals, {arrivals:?}");
            assert!(times(7).is_sorted());
        }
    }

    #[test]
    fn random_arrivals_follow_ramps_and_rests() {
        for arrivals in [Arrivals::Poisson, Arrivals::Uniform] {
            let schedule = generated("10s@0..2000,10s@0,5s@400", arrivals, 3);
            let mut by_five_seconds = [0_u64; 5];
            schedule.iter().for_each(|arrival| {
                by_five_seconds[usize::try_from(arrival.intended_ns / (5 * NS_PER_S)).unwrap()] += 1;
            });
            let expected = [2500_u64, 7500, 0, 0, 2000];
            for (count, expected) in by_five_seconds.into_iter().zip(expected) {
                // Five standard deviations of a Poisson process.
                let tolerance = 5.0 * (expected as f64).sqrt();
                assert!(count.abs_diff(expected) as f64 <= tolerance, "{by_five_seconds:?} {arrivals:?}");
            }
        }
    }

    /// Without this, a long ramp at a high rate would fill the memory, or the pacer would be late for its own arithmetic.
    #[test]
    fn ten_million_arrivals_are_computed_one_by_one() {
        let schedule = generated("1000s@0..20000", Arrivals::Constant, 0);
        assert_eq!(schedule.expected(), 10_000_000);
        let first = schedule.iter().next().unwrap();
        assert_eq!((first.sequence, first.intended_ns), (0, 0));
        assert_eq!(schedule.iter().nth(250_000).unwrap().intended_ns, 158_113_883_008);
    }

    proptest! {
        #[test]
        fn no_drift_and_no_arrival_outside(rps in 0.001_f64..5_000.0, ms in 1_u64..2_000) {
            let rate = Rate::from_rps(rps).unwrap();
            let duration_ns = ms * 1_000_000;
            let schedule = Schedule::constant(rate, Duration::from_nanos(duration_ns));
            let mut count = 0_u64;
            for arrival in schedule.iter() {
                let exact = count as f64 / rate.rps() * 1e9;
                prop_assert!((arrival.intended_ns as f64 - exact).abs() <= 1.001);
                prop_assert!(arrival.intended_ns < duration_ns);
                prop_assert_eq!(arrival.sequence, count);
                count += 1;
            }
            prop_assert_eq!(count, schedule.expected());
            prop_assert!(schedule.end_ns() >= duration_ns - 1);
        }
    }
}
