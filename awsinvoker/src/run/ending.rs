//! How a run ended.

use run_record::Summary;

use crate::load::Interrupt;

/// How a run ended whose results are all saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As planned.
    Complete,
    /// As planned, but without a single success.
    NothingSucceeded,
    /// As planned, but what was measured is not what was asked for.
    Invalid,
    /// As planned, but a threshold is broken.
    ThresholdBroken,
    /// Early, by a signal.
    Interrupted(Interrupt),
}

/// How a run ended that was not interrupted. What is worse comes first.
pub(crate) fn ending(summary: &Summary) -> Ending {
    if summary.completed == 0 {
        Ending::NothingSucceeded
    } else if !summary.verdict.valid {
        Ending::Invalid
    } else if summary.thresholds.iter().any(|result| !result.passed) {
        Ending::ThresholdBroken
    } else {
        Ending::Complete
    }
}

#[cfg(test)]
mod tests {
    use run_record::summary::Course;
    use run_record::{Arrival, Outcome, Reply, Sample, Threshold, Timing, Totals, units};

    use super::*;

    #[test]
    fn the_worst_of_a_run_is_its_ending() {
        let threshold = |text: &str| [text.parse::<Threshold>().unwrap()];
        let ended = |outcomes: &[Outcome], threshold: [Threshold; 1]| {
            let mut totals = Totals::new(1);
            for outcome in outcomes {
                let reply = Reply::with_outcome(*outcome);
                let arrival = Arrival { sequence: 0, endpoint: 0, number: 0, intended_ns: 0 };
                totals.record(&Sample { arrival, timing: Some(Timing::new(0, 1_000)), reply });
            }
            let issued = totals.samples();
            let course = Course {
                endpoints: vec![("f", false)],
                target_rps: Some(1.0),
                issued,
                window_ns: units::NS_PER_S,
                interrupted_ns: None,
                sent_in_window: issued,
                wall_jump_ns: 0,
                thresholds: &threshold,
            };
            ending(&Summary::new(&course, &totals).unwrap())
        };
        let (kept, broken) = ("ok>0%", "ok>100%");
        assert_eq!(ended(&[Outcome::Ok], threshold(kept)), Ending::Complete);
        assert_eq!(ended(&[Outcome::Ok], threshold(broken)), Ending::ThresholdBroken);
        assert_eq!(ended(&[Outcome::Ok, Outcome::Dropped], threshold(broken)), Ending::Invalid);
        assert_eq!(ended(&[Outcome::Dropped], threshold(broken)), Ending::NothingSucceeded);
    }
}
