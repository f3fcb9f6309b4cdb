//! Which environments answered, how often, and when each was first seen.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units;

/// More environments of an endpoint are not told apart, so that memory is bounded.
const MAX_ENVIRONMENTS: usize = 10_000;
/// A curve with more steps is thinned out.
const MAX_STEPS: usize = 100;

/// Invocations by environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environments {
    seen: BTreeMap<String, Seen>,
    /// Invocations by environments beyond those that are told apart.
    uncounted: u64,
}

/// What is known of one environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    calls: u64,
    /// When its first answer was complete, in nanoseconds since the start of the run.
    first_ns: u64,
}

/// The environments that answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct EnvironmentsSummary {
    /// How many different ones.
    pub distinct: u64,
    /// The fewest invocations of one.
    pub calls_min: u64,
    /// The median of the invocations of each: half of the environments had no more.
    pub calls_median: u64,
    /// The most invocations of one.
    pub calls_max: u64,
    /// When the first answer of the first environment was complete, in seconds since the start of the run.
    pub first_s: f64,
    /// When the first answer of the last new environment was complete, in seconds since the start of the run.
    pub last_new_s: f64,
    /// How the number of environments grew: a step for each new one. If there were more than 100, the time from the first to
    /// the last is divided into 100 intervals of equal length, and the last step of each is kept.
    pub growth: Vec<GrowthStep>,
    /// Invocations that belong to none of these: at most 10,000 environments of an endpoint are told apart. If this is not
    /// 0, there were more than `distinct`.
    pub uncounted_calls: u64,
}

/// A time at which a new environment was seen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct GrowthStep {
    /// When its first answer was complete, in seconds since the start of the run.
    pub at_s: f64,
    /// How many different environments had been seen then.
    pub environments: u64,
}

impl Environments {
    /// Counts an invocation whose answer was complete at this time since the start of the run.
    pub(crate) fn record(&mut self, environment: &str, at_ns: u64) {
        let seen = Seen { calls: 1, first_ns: at_ns };
        // Looked for first: nearly all have been seen before, and need no copy of their name.
        if let Some(known) = self.seen.get_mut(environment) {
            *known = known.with(seen);
        } else if self.seen.len() < MAX_ENVIRONMENTS {
            self.seen.insert(environment.to_owned(), seen);
        } else {
            self.uncounted += 1;
        }
    }

    /// Sums up; `None` if no answer named its environment.
    pub(crate) fn summary(&self) -> Option<EnvironmentsSummary> {
        let mut calls: Vec<u64> = self.seen.values().map(|seen| seen.calls).collect();
        let mut times: Vec<u64> = self.seen.values().map(|seen| seen.first_ns).collect();
        calls.sort_unstable();
        times.sort_unstable();
        let (min, max) = (*calls.first()?, *calls.last()?);
        let (first_ns, last_ns) = (*times.first()?, *times.last()?);
        Some(EnvironmentsSummary {
            distinct: calls.len() as u64,
            calls_min: min,
            calls_median: calls[(calls.len() - 1) / 2],
            calls_max: max,
            first_s: units::s(first_ns),
            last_new_s: units::s(last_ns),
            growth: growth(&times),
            uncounted_calls: self.uncounted,
        })
    }
}

impl Seen {
    fn with(self, other: Self) -> Self {
        Self { calls: self.calls + other.calls, first_ns: self.first_ns.min(other.first_ns) }
    }
}

/// The steps at these times, which are sorted: all of them, or the last one in each of as many intervals as are kept.
fn growth(times: &[u64]) -> Vec<GrowthStep> {
    let first_ns = times.first().copied().unwrap_or(0);
    let length_ns = times.last().copied().unwrap_or(0) - first_ns;
    let intervals = MAX_STEPS as u128;
    let interval = |ns: u64| match length_ns {
        0 => 0,
        // The last time belongs to the last interval.
        _ => (u128::from(ns - first_ns) * intervals / u128::from(length_ns)).min(intervals - 1),
    };
    let is_kept = |index: usize| match times.get(index + 1) {
        None => true,
        Some(next) if times.len() > MAX_STEPS => interval(*next) != interval(times[index]),
        // Of several at one time, the last counts them all.
        Some(next) => *next != times[index],
    };
    let step = |index: usize| GrowthStep { at_s: units::s(times[index]), environments: index as u64 + 1 };
    (0..times.len()).filter(|index| is_kept(*index)).map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = units::NS_PER_S;

    fn steps(growth: &[GrowthStep]) -> Vec<(f64, u64)> {
        growth.iter().map(|step| (step.at_s, step.environments)).collect()
    }

    #[test]
    fn calls_are_counted_by_environment() {
        let mut environments = Environments::default();
        assert_eq!(environments.summary(), None);
        for (at, name) in (1..).zip(["a", "b", "a", "a", "c", "c"]) {
            environments.record(name, at * SECOND);
        }
        let step = |at_s, environments| GrowthStep { at_s, environments };
        let expected = EnvironmentsSummary {
            distinct: 3,
            calls_min: 1,
            calls_median: 2,
            calls_max: 3,
            first_s: 1.0,
            last_new_s: 5.0,
            growth: vec![step(1.0, 1), step(2.0, 2), step(5.0, 3)],
            uncounted_calls: 0,
        };
        assert_eq!(environments.summary(), Some(expected));
    }

    #[test]
    fn the_growth_is_exact_up_to_a_hundred_steps_and_thinned_out_beyond() {
        let times = |count: u64| (0..count).map(|n| n * SECOND).collect::<Vec<_>>();
        let exact = steps(&growth(&times(100)));
        assert_eq!(exact, (0..100_u32).map(|n| (f64::from(n), u64::from(n) + 1)).collect::<Vec<_>>());
        // Ten in each interval of 10 s, but the last interval holds its end as well.
        let thinned = steps(&growth(&times(1001)));
        assert_eq!((thinned.len(), thinned[0], thinned[1]), (100, (9.0, 10), (19.0, 20)));
        assert_eq!(thinned.last(), Some(&(1000.0, 1001)));
        // Where nothing was new, there is no step.
        let mut burst = vec![0; 150];
        burst.push(u64::MAX);
        let last_s = units::s(u64::MAX);
        assert_eq!(steps(&growth(&burst)), [(0.0, 150), (last_s, 151)]);
        assert_eq!(steps(&growth(&[7 * SECOND, 7 * SECOND])), [(7.0, 2)]);
        assert_eq!(steps(&growth(&vec![SECOND; 200])), [(1.0, 200)]);
    }

    #[test]
    fn the_first_answer_of_an_environment_counts_in_whatever_order_they_come() {
        let mut environments = Environments::default();
        environments.record("a", 3 * SECOND);
        environments.record("a", SECOND);
        environments.record("a", 2 * SECOND);
        environments.record("b", 2 * SECOND);
        assert_eq!(steps(&environments.summary().unwrap().growth), [(1.0, 1), (2.0, 2)]);
    }

    #[test]
    fn memory_is_bounded_and_it_is_told() {
        let mut environments = Environments::default();
        (0..=MAX_ENVIRONMENTS).for_each(|number| environments.record(&number.to_string(), 1));
        environments.record("0", 1);
        let summary = environments.summary().unwrap();
        assert_eq!((summary.distinct, summary.calls_max), (MAX_ENVIRONMENTS as u64, 2));
        assert_eq!(summary.uncounted_calls, 1);
    }
}
