//! Which environments answered, and how often.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// More environments of an endpoint are not told apart, so that memory is bounded.
const MAX_ENVIRONMENTS: usize = 10_000;

/// Invocations by environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environments {
    calls: BTreeMap<String, u64>,
    /// Invocations by environments beyond those that are told apart.
    uncounted: u64,
}

/// The environments that answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// Invocations that belong to none of these: at most 10,000 environments of an endpoint are told apart. If this is not
    /// 0, there were more than `distinct`.
    pub uncounted_calls: u64,
}

impl Environments {
    /// Counts an invocation.
    pub(crate) fn record(&mut self, environment: &str) {
        // Looked for first: nearly all have been seen before, and need no copy of their name.
        match self.calls.get_mut(environment) {
            Some(calls) => *calls += 1,
            None => self.add(environment, 1),
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        other.calls.iter().for_each(|(environment, calls)| self.add(environment, *calls));
        self.uncounted += other.uncounted;
    }

    fn add(&mut self, environment: &str, more: u64) {
        if let Some(calls) = self.calls.get_mut(environment) {
            *calls += more;
        } else if self.calls.len() < MAX_ENVIRONMENTS {
            self.calls.insert(environment.to_owned(), more);
        } else {
            self.uncounted += more;
        }
    }

    /// Sums up; `None` if no answer named its environment.
    pub(crate) fn summary(&self) -> Option<EnvironmentsSummary> {
        let mut calls: Vec<u64> = self.calls.values().copied().collect();
        calls.sort_unstable();
        let (min, max) = (*calls.first()?, *calls.last()?);
        Some(EnvironmentsSummary {
            distinct: calls.len() as u64,
            calls_min: min,
            calls_median: calls[(calls.len() - 1) / 2],
            calls_max: max,
            uncounted_calls: self.uncounted,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_environment() {
        let mut environments = Environments::default();
        assert_eq!(environments.summary(), None);
        for name in ["a", "b", "a", "a", "c", "c"] {
            environments.record(name);
        }
        let expected = EnvironmentsSummary {
            distinct: 3,
            calls_min: 1,
            calls_median: 2,
            calls_max: 3,
            uncounted_calls: 0,
        };
        assert_eq!(environments.summary(), Some(expected));
    }

    #[test]
    fn memory_is_bounded_and_it_is_told() {
        let mut environments = Environments::default();
        (0..=MAX_ENVIRONMENTS).for_each(|number| environments.record(&number.to_string()));
        environments.record("0");
        environments.merge(&environments.clone());
        let summary = environments.summary().unwrap();
        assert_eq!((summary.distinct, summary.calls_max), (MAX_ENVIRONMENTS as u64, 4));
        assert_eq!(summary.uncounted_calls, 2);
    }
}
