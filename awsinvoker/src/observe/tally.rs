//! Counts and histograms of a run, and the requests within its window.

use run_record::summary::{Course, SumError};
use run_record::{Sample, Summary, Threshold, Totals};

use crate::load::{Event, Interrupted, Observer};
use crate::plan::endpoints::Endpoint;

/// What is counted of a run.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Counts and histograms.
    pub totals: Totals,
    /// Invocations that were due; known once the last one was issued.
    pub issued: u64,
    /// The end of the window over which rates are computed, in nanoseconds since the start of the run.
    pub window_end_ns: u64,
    /// Requests that were sent before the end of the window.
    pub sent_in_window: u64,
    /// When every invocation had ended, in nanoseconds since the start of the run; known then.
    pub finished_ns: u64,
}

impl Tally {
    /// An empty tally for this number of endpoints. `window_end_ns` is the planned end of the window. A run that is
    /// stopped closes its window earlier. Samples that ended in the microseconds between the stop and this event count
    /// as within the window.
    pub fn new(endpoints: usize, window_end_ns: u64) -> Self {
        Self { totals: Totals::new(endpoints), issued: 0, window_end_ns, sent_in_window: 0, finished_ns: 0 }
    }

    /// Sums up the run, whose wall clock moved by `wall_jump_ns` against the monotonic one.
    ///
    /// # Errors
    /// Not every invocation that was due has ended exactly once.
    pub fn summary(
        &self,
        endpoints: &[Endpoint],
        target_rps: Option<f64>,
        interrupted: Option<Interrupted>,
        wall_jump_ns: i64,
        thresholds: &[Threshold],
    ) -> Result<Summary, SumError> {
        let endpoints = endpoints.iter().map(|endpoint| (endpoint.name.as_str(), endpoint.asynchronous));
        let course = Course {
            endpoints: endpoints.collect(),
            target_rps,
            issued: self.issued,
            window_ns: self.window_end_ns,
            interrupted_ns: interrupted.map(|interrupted| interrupted.at_ns),
            sent_in_window: self.sent_in_window,
            wall_jump_ns,
            thresholds,
        };
        Summary::new(&course, &self.totals)
    }

    fn record(&mut self, sample: &Sample) {
        self.totals.record(sample);
        if let Some(timing) = sample.timing {
            self.sent_in_window += u64::from(timing.issued_ns < self.window_end_ns);
        }
    }
}

impl Observer for Tally {
    fn observe(&mut self, event: &Event) {
        match event {
            Event::Ended(sample) => self.record(sample),
            Event::WindowClosed(window) => (self.issued, self.window_end_ns) = (window.issued, window.end_ns),
            Event::Finished { now_ns } => self.finished_ns = *now_ns,
            Event::Tick { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use run_record::Outcome;

    use super::super::test_data::ended;
    use super::*;
    use crate::load::Window;

    #[test]
    fn rates_count_what_is_sent_in_the_window_and_what_becomes_of_it() {
        let mut tally = Tally::new(1, 2_000_000_000);
        tally.observe(&ended(0, 10, Outcome::Ok));
        tally.observe(&ended(1, 1_999, Outcome::Timeout));
        tally.observe(&ended(2, 2_000, Outcome::Ok));
        // The run is stopped.
        tally.observe(&Event::WindowClosed(Window { issued: 4, end_ns: 1_500_000_000 }));
        tally.observe(&ended(3, 1_600, Outcome::Ok));
        assert_eq!((tally.issued, tally.sent_in_window), (4, 4));
        let summary = tally.summary(&[], Some(1.0), None, 0, &[]).unwrap();
        assert_eq!((summary.completed, summary.window_s.to_bits()), (3, 1.5_f64.to_bits()));
        assert_eq!((summary.real_rps.to_bits(), summary.run_s.to_bits()), (2_f64.to_bits(), 2_f64.to_bits()));
        assert_eq!(summary.completed_rps.to_bits(), 1.5_f64.to_bits());
    }

    #[test]
    fn an_invocation_that_did_not_end_is_an_error() {
        let mut tally = Tally::new(1, 1);
        tally.observe(&Event::WindowClosed(Window { issued: 1, end_ns: 1 }));
        assert_eq!(
            tally.summary(&[], Some(1.0), None, 0, &[]).unwrap_err(),
            SumError { issued: 1, recorded: 0 }
        );
    }
}
