//! Counts and histograms over all samples of a run.

use crate::budget::BudgetTotals;
use crate::cost::BilledTotals;
use crate::environments::Environments;
use crate::failures::Failures;
use crate::histogram::{Histogram, View};
use crate::sample::{Outcome, Sample, Start};

/// What is known over the whole run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// By endpoint.
    pub endpoints: Vec<EndpointTotals>,
    /// Schedule lag of all invocations that were sent.
    pub lag: Histogram,
    /// Values above an hour, which were recorded as an hour.
    pub saturated: u64,
    /// When the last invocation ended, in nanoseconds since the start of the run.
    pub last_end_ns: u64,
    /// Failures of all endpoints by cause.
    pub failures: Failures,
}

/// What is known of one endpoint over the whole run. It takes up to 6 MiB: 23 histograms.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EndpointTotals {
    /// Invocations by outcome, in the order of [`Outcome::ALL`].
    pub outcomes: [u64; Outcome::ALL.len()],
    /// Invocations of which it is known whether they were a cold start.
    pub starts_known: u64,
    /// Invocations that were a cold start.
    pub cold_starts: u64,
    /// How long environments took to initialise.
    pub init: Histogram,
    /// How long environments took to be restored from a snapshot.
    pub restore: Histogram,
    /// The environments that answered.
    pub environments: Environments,
    /// The most memory that an environment used, in MiB.
    pub max_memory_mib: Option<u64>,
    /// The most memory that an environment used, of those that used more than they had, and what it had, in MiB.
    pub memory_exceeded: Option<(u64, u64)>,
    /// The fewest and the most bytes of an answer.
    pub answer_bytes: Option<(u64, u64)>,
    /// The bytes of all answers.
    pub answer_bytes_sum: u64,
    /// What was billed.
    pub billed: BilledTotals,
    /// Where the time of successful invocations went.
    pub budgets: BudgetTotals,
    /// Latencies of successful invocations, in the orders of [`Start::ALL`] and [`View::ALL`].
    views: [[Histogram; View::ALL.len()]; Start::ALL.len()],
}

impl Totals {
    /// Empty totals for this number of endpoints.
    pub fn new(endpoints: usize) -> Self {
        Self { endpoints: vec![EndpointTotals::default(); endpoints], ..Self::default() }
    }

    /// Counts a sample and records its latencies.
    pub fn record(&mut self, sample: &Sample) {
        self.saturated += self.endpoints[sample.arrival.endpoint].record(sample);
        self.saturated += u64::from(sample.lag_ns().is_some_and(|lag| self.lag.record(lag)));
        self.failures.record(sample);
        if let Some(timing) = sample.timing {
            self.last_end_ns = self.last_end_ns.max(timing.done_ns);
        }
    }

    /// The number of invocations of all endpoints with this outcome.
    pub fn outcome(&self, outcome: Outcome) -> u64 {
        self.endpoints.iter().map(|endpoint| endpoint.outcome(outcome)).sum()
    }

    /// How many samples were recorded.
    pub fn samples(&self) -> u64 {
        self.endpoints.iter().flat_map(|endpoint| endpoint.outcomes).sum()
    }
}

impl EndpointTotals {
    /// The number of invocations with this outcome.
    pub fn outcome(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome as usize]
    }

    /// The latencies of all successful invocations in a view.
    pub fn view(&self, view: View) -> Histogram {
        let mut all = Histogram::default();
        Start::ALL.into_iter().for_each(|start| all.merge(self.view_with(start, view)));
        all
    }

    /// The latencies of successful invocations with such an environment in a view.
    pub fn view_with(&self, start: Start, view: View) -> &Histogram {
        &self.views[start as usize][view as usize]
    }

    /// Counts a sample. Returns how many values were above an hour.
    fn record(&mut self, sample: &Sample) -> u64 {
        let reply = &sample.reply;
        self.outcomes[reply.outcome as usize] += 1;
        self.starts_known += u64::from(reply.cold.is_some());
        let start = sample.start();
        self.cold_starts += u64::from(start == Start::Cold);
        let starts = [(reply.report.init_ns, &mut self.init), (reply.report.restore_ns, &mut self.restore)];
        let mut saturated = 0;
        for (value, histogram) in starts {
            saturated += u64::from(value.is_some_and(|value| histogram.record(value)));
        }
        if let Some(environment) = &reply.environment {
            let seen_ns = sample.timing.map_or(sample.arrival.intended_ns, |timing| timing.done_ns);
            self.environments.record(environment, seen_ns);
        }
        self.billed.record(sample);
        let (used, had) = (reply.report.max_memory_mib, reply.report.memory_mib);
        self.max_memory_mib = self.max_memory_mib.max(used);
        self.memory_exceeded = self.memory_exceeded.max(used.zip(had).filter(|(used, had)| used > had));
        self.answer_bytes = widest(self.answer_bytes, reply.answer_bytes.map(|bytes| (bytes, bytes)));
        self.answer_bytes_sum = self.answer_bytes_sum.saturating_add(reply.answer_bytes.unwrap_or(0));
        if reply.outcome == Outcome::Ok {
            saturated += self.budgets.record(sample);
            let views = &mut self.views[start as usize];
            for (view, histogram) in View::ALL.into_iter().zip(views) {
                saturated += u64::from(view.latency_ns(sample).is_some_and(|value| histogram.record(value)));
            }
        }
        saturated
    }
}

/// The range that covers both.
fn widest(one: Option<(u64, u64)>, other: Option<(u64, u64)>) -> Option<(u64, u64)> {
    one.into_iter().chain(other).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_data::sample;

    #[test]
    fn totals_hold_latencies_of_successes_and_count_what_saturates() {
        let mut totals = Totals::new(2);
        totals.record(&sample(1, Outcome::Ok, 1_000_000));
        totals.record(&sample(1, Outcome::Ok, 4_000_000_000_000));
        totals.record(&sample(1, Outcome::Timeout, 2_000_000));
        let endpoint = &totals.endpoints[1];
        assert_eq!((endpoint.starts_known, endpoint.cold_starts), (3, 2));
        assert_eq!(endpoint.view(View::Response).count(), 2);
        assert_eq!(totals.lag.count(), 3);
        // Once as response, once as service.
        assert_eq!(totals.saturated, 2);
        assert_eq!(endpoint.view(View::Function).count(), 0);
        assert_eq!(totals.last_end_ns, 4_000_000_000_000);
    }

    #[test]
    fn warm_and_cold_are_apart_and_what_the_platform_told_is_kept() {
        let mut totals = Totals::new(1);
        for (cold, init_ns, memory, bytes) in [
            (Some(true), Some(7), Some(40), Some(9)),
            (Some(false), None, Some(50), Some(3)),
            (None, None, None, None),
        ] {
            let mut sample = sample(0, Outcome::Ok, 1_000_000);
            sample.reply.cold = cold;
            sample.reply.report.init_ns = init_ns;
            sample.reply.report.max_memory_mib = memory;
            sample.reply.answer_bytes = bytes;
            totals.record(&sample);
        }
        let endpoint = &totals.endpoints[0];
        assert_eq!(Start::ALL.map(|start| endpoint.view_with(start, View::Response).count()), [1, 1, 1]);
        assert_eq!((endpoint.view(View::Response).count(), endpoint.init.count()), (3, 1));
        assert_eq!((endpoint.max_memory_mib, endpoint.answer_bytes), (Some(50), Some((3, 9))));
    }
}
