//! Counts and histograms over all samples of a run.

use crate::histogram::{Histogram, View};
use crate::sample::{Outcome, Sample};

/// What is known over the whole run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// By endpoint.
    pub endpoints: Vec<EndpointTotals>,
    /// Schedule lag of all invocations that were sent.
    pub lag: Histogram,
    /// Values above an hour, which were recorded as an hour.
    pub saturated: u64,
}

/// What is known of one endpoint over the whole run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EndpointTotals {
    /// Invocations by outcome, in the order of [`Outcome::ALL`].
    pub outcomes: [u64; Outcome::ALL.len()],
    /// Invocations of which it is known whether they were a cold start.
    pub starts_known: u64,
    /// Invocations that were a cold start.
    pub cold_starts: u64,
    /// Latencies of successful invocations, in the order of [`View::ALL`].
    pub views: [Histogram; View::ALL.len()],
}

/// Two parts do not belong to the same run.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the other part has {found} endpoints; expected {expected}")]
pub struct MergeError {
    /// Endpoints of this part.
    pub expected: usize,
    /// Endpoints of the other part.
    pub found: usize,
}

impl Totals {
    /// Empty totals for this number of endpoints.
    pub fn new(endpoints: usize) -> Self {
        Self { endpoints: vec![EndpointTotals::default(); endpoints], ..Self::default() }
    }

    /// Counts a sample and records its latencies.
    pub fn record(&mut self, sample: &Sample) {
        let endpoint = &mut self.endpoints[sample.arrival.endpoint];
        endpoint.outcomes[sample.reply.outcome as usize] += 1;
        endpoint.starts_known += u64::from(sample.reply.cold.is_some());
        endpoint.cold_starts += u64::from(sample.reply.cold == Some(true));
        if sample.reply.outcome == Outcome::Ok {
            for (view, histogram) in View::ALL.into_iter().zip(&mut endpoint.views) {
                let saturated = view.latency_ns(sample).is_some_and(|value| histogram.record(value));
                self.saturated += u64::from(saturated);
            }
        }
        self.saturated += u64::from(sample.lag_ns().is_some_and(|lag| self.lag.record(lag)));
    }

    /// Adds the totals of another part of the same run.
    ///
    /// # Errors
    /// The other part has another number of endpoints. Nothing is added then.
    pub fn merge(&mut self, other: &Self) -> Result<(), MergeError> {
        let (expected, found) = (self.endpoints.len(), other.endpoints.len());
        if expected != found {
            return Err(MergeError { expected, found });
        }
        for (endpoint, other) in self.endpoints.iter_mut().zip(&other.endpoints) {
            endpoint.merge(other);
        }
        self.lag.merge(&other.lag);
        self.saturated += other.saturated;
        Ok(())
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

    /// The latencies of successful invocations in a view.
    pub fn view(&self, view: View) -> &Histogram {
        &self.views[view as usize]
    }

    fn merge(&mut self, other: &Self) {
        for (count, other) in self.outcomes.iter_mut().zip(other.outcomes) {
            *count += other;
        }
        self.starts_known += other.starts_known;
        self.cold_starts += other.cold_starts;
        for (view, other) in self.views.iter_mut().zip(&other.views) {
            view.merge(other);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::test_data::{sample, samples};

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
    }

    #[test]
    fn parts_of_different_runs_are_not_merged() {
        let error = Totals::new(2).merge(&Totals::new(3)).unwrap_err().to_string();
        assert_eq!(error, "the other part has 3 endpoints; expected 2");
    }

    proptest! {
        #[test]
        fn merging_is_recording_all(a in samples(3), b in samples(3)) {
            let totals = |samples: &[Sample]| {
                let mut totals = Totals::new(3);
                samples.iter().for_each(|sample| totals.record(sample));
                totals
            };
            let mut merged = totals(&a);
            merged.merge(&totals(&b)).unwrap();
            prop_assert_eq!(merged.samples(), (a.len() + b.len()) as u64);
            prop_assert_eq!(merged, totals(&[a, b].concat()));
        }
    }
}
