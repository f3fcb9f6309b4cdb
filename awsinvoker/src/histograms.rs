//! The histograms of a run: of each endpoint, outcome and view, over one interval and over the whole run.

use hdrhistogram::Histogram;

use crate::sample::{Outcome, Sample};

/// The unit and the upper bound of what is recorded, in nanoseconds. A unit of a microsecond would leave values of a
/// few microseconds, such as small functions report, with one digit instead of three.
const BOUNDS_NS: (u64, u64) = (1, 3_600_000_000_000);
/// Significant digits that are kept of every value, from the unit to the upper bound.
const DIGITS: u8 = 3;

/// What of an invocation is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Intended to done.
    Response,
    /// Sent to done.
    Service,
    /// What the function reported.
    Function,
}

impl View {
    /// All views, in the order in which they are published.
    pub const ALL: [Self; 3] = [Self::Response, Self::Service, Self::Function];

    /// The name under which files and tables know the view.
    pub fn name(self) -> &'static str {
        match self {
            Self::Response => "response",
            Self::Service => "service",
            Self::Function => "function",
        }
    }

    fn of(self, sample: &Sample) -> Option<u64> {
        match self {
            Self::Response => sample.response_ns(),
            Self::Service => sample.service_ns(),
            Self::Function => sample.function_ns(),
        }
    }
}

/// A histogram in nanoseconds that takes 264 KiB, but only from its first value on.
#[derive(Clone, Debug, Default)]
pub struct Lazy(Option<Histogram<u64>>);

impl Lazy {
    /// The histogram, if it ever had a value. It may be empty after a reset.
    pub fn get(&self) -> Option<&Histogram<u64>> {
        self.0.as_ref()
    }

    /// Records a value; one above the upper bound is recorded as the bound, and `true` returned.
    pub fn record(&mut self, value_ns: u64) -> bool {
        self.0.get_or_insert_with(histogram).saturating_record(value_ns);
        value_ns > BOUNDS_NS.1
    }

    fn reset(&mut self) {
        if let Some(histogram) = &mut self.0 {
            histogram.reset();
        }
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(BOUNDS_NS.0, BOUNDS_NS.1, DIGITS).expect("bounds are valid")
}

/// The histograms of one interval; all outcomes are kept apart.
#[derive(Debug)]
pub struct Interval {
    /// By endpoint, outcome, view.
    latencies: Vec<[[Lazy; View::ALL.len()]; Outcome::ALL.len()]>,
    lag: Lazy,
}

impl Interval {
    /// Empty histograms for so many endpoints.
    pub fn new(endpoints: usize) -> Self {
        Self { latencies: vec![Default::default(); endpoints], lag: Lazy::default() }
    }

    /// Records all that the sample holds.
    pub fn record(&mut self, sample: &Sample) {
        let by_view = &mut self.latencies[sample.endpoint][sample.outcome as usize];
        for (view, lazy) in View::ALL.into_iter().zip(by_view) {
            if let Some(value) = view.of(sample) {
                lazy.record(value);
            }
        }
        if let Some(lag) = sample.lag_ns() {
            self.lag.record(lag);
        }
    }

    /// Visits each histogram that has a value, with its place; the schedule lag has none, and comes last.
    pub fn visit(&self, mut visit: impl FnMut(Option<(usize, Outcome, View)>, &Histogram<u64>)) {
        for (endpoint, by_outcome) in self.latencies.iter().enumerate() {
            for (outcome, by_view) in Outcome::ALL.into_iter().zip(by_outcome) {
                for (view, lazy) in View::ALL.into_iter().zip(by_view) {
                    if let Some(histogram) = lazy.get().filter(|histogram| !histogram.is_empty()) {
                        visit(Some((endpoint, outcome, view)), histogram);
                    }
                }
            }
        }
        if let Some(histogram) = self.lag.get().filter(|histogram| !histogram.is_empty()) {
            visit(None, histogram);
        }
    }

    /// Empties the histograms; their memory is kept for the next interval.
    pub fn reset(&mut self) {
        self.latencies.iter_mut().flatten().flatten().for_each(Lazy::reset);
        self.lag.reset();
    }
}

/// What is known of one endpoint over the whole run.
#[derive(Clone, Debug, Default)]
pub struct EndpointTotals {
    /// Invocations by outcome.
    pub outcomes: [u64; Outcome::ALL.len()],
    /// Invocations whose log tells whether the function had to be started.
    pub starts_known: u64,
    /// Those for which it had.
    pub cold_starts: u64,
    /// By view, of successful invocations alone.
    pub views: [Lazy; View::ALL.len()],
}

/// What is known over the whole run.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// By endpoint.
    pub endpoints: Vec<EndpointTotals>,
    /// Schedule lag of all invocations that were sent.
    pub lag: Lazy,
    /// Values above the upper bound, which were recorded as the bound.
    pub saturated: u64,
}

impl Totals {
    /// Empty totals for so many endpoints.
    pub fn new(endpoints: usize) -> Self {
        Self { endpoints: vec![EndpointTotals::default(); endpoints], ..Self::default() }
    }

    /// Counts the sample, and records its times.
    pub fn record(&mut self, sample: &Sample) {
        let endpoint = &mut self.endpoints[sample.endpoint];
        endpoint.outcomes[sample.outcome as usize] += 1;
        endpoint.starts_known += u64::from(sample.cold.is_some());
        endpoint.cold_starts += u64::from(sample.cold == Some(true));
        if sample.outcome == Outcome::Ok {
            for (view, lazy) in View::ALL.into_iter().zip(&mut endpoint.views) {
                self.saturated += u64::from(view.of(sample).is_some_and(|value| lazy.record(value)));
            }
        }
        self.saturated += u64::from(sample.lag_ns().is_some_and(|lag| self.lag.record(lag)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(outcome: Outcome, done_ns: u64) -> Sample {
        Sample {
            sequence: 0,
            endpoint: 1,
            request_id: None,
            intended_ns: 0,
            sent_ns: Some(50_000),
            done_ns: Some(done_ns),
            outcome,
            function_latency_s: None,
            cold: Some(outcome == Outcome::Ok),
            init_ns: None,
            error: None,
        }
    }

    #[test]
    fn intervals_keep_outcomes_apart_and_start_afresh() {
        let mut interval = Interval::new(2);
        interval.record(&sample(Outcome::Ok, 1_000_000));
        interval.record(&sample(Outcome::Timeout, 2_000_000));
        let seen = |interval: &Interval| {
            let mut seen = Vec::new();
            interval.visit(|place, histogram| seen.push((place, histogram.len())));
            seen
        };
        let expected = [
            (Some((1, Outcome::Ok, View::Response)), 1),
            (Some((1, Outcome::Ok, View::Service)), 1),
            (Some((1, Outcome::Timeout, View::Response)), 1),
            (Some((1, Outcome::Timeout, View::Service)), 1),
            (None, 2),
        ];
        assert_eq!(seen(&interval), expected);
        interval.reset();
        assert_eq!(seen(&interval), []);
    }

    #[test]
    fn totals_hold_latencies_of_successes_and_count_what_saturates() {
        let mut totals = Totals::new(2);
        totals.record(&sample(Outcome::Ok, 1_000_000));
        totals.record(&sample(Outcome::Ok, 4_000_000_000_000));
        totals.record(&sample(Outcome::Timeout, 2_000_000));
        let endpoint = &totals.endpoints[1];
        assert_eq!((endpoint.starts_known, endpoint.cold_starts), (3, 2));
        assert_eq!(endpoint.views[0].get().unwrap().len(), 2);
        assert_eq!(totals.lag.get().unwrap().len(), 3);
        // Once as response, once as service.
        assert_eq!(totals.saturated, 2);
        assert!(endpoint.views[View::Function as usize].get().is_none());
    }
}
