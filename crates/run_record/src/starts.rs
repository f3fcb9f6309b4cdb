//! How invocations met their environments, where one invocation alone does not tell it.

use std::collections::HashMap;

use crate::sample::{Sample, Start};

/// Of more environments, the invocations alone tell it, so that memory is bounded.
const MAX_ENVIRONMENTS: usize = 10_000;

/// How the invocations of one endpoint met their environments.
///
/// Lambda reports an initialisation with the first invocation of an environment. Others may have waited for the same
/// initialisation: while an environment starts, lambda-local lets them wait for whatever environment becomes free.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Starts {
    /// When environments were ready that were waited for, in nanoseconds since the start of the run.
    ready_ns: HashMap<String, u64>,
}

impl Starts {
    /// How an invocation met its environment. It is a cold start also if it was sent before its environment was ready.
    /// Invocations come in the order in which they ended.
    pub fn of(&mut self, sample: &Sample) -> Start {
        let start = sample.start();
        let (Some(environment), Some(timing)) = (sample.reply.environment.as_deref(), sample.timing) else {
            return start;
        };
        match start {
            Start::Warm if self.ready_ns.get(environment).is_some_and(|ready| timing.issued_ns < *ready) => {
                Start::Cold
            }
            Start::Cold if self.ready_ns.len() < MAX_ENVIRONMENTS => {
                let ready_ns = timing.done_ns.saturating_sub(sample.reply.report.duration_ns.unwrap_or(0));
                self.ready_ns.entry(environment.to_owned()).or_insert(ready_ns);
                start
            }
            _ => start,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{Arrival, Outcome, Reply, Report, Timing};
    use crate::units::NS_PER_MS;

    /// Sent and answered at these times, by an environment, whose handler took 2 ms.
    fn sample(sent_ms: u64, done_ms: u64, environment: &str, init_ms: Option<u64>) -> Sample {
        let ns = |ms: u64| ms * NS_PER_MS;
        Sample {
            arrival: Arrival { sequence: 0, endpoint: 0, number: 0, intended_ns: ns(sent_ms) },
            timing: Some(Timing::new(ns(sent_ms), ns(done_ms))),
            reply: Reply {
                cold: Some(init_ms.is_some()),
                report: Report { init_ns: init_ms.map(ns), duration_ns: Some(ns(2)), ..Report::default() },
                environment: Some(environment.to_owned()),
                ..Reply::with_outcome(Outcome::Ok)
            },
        }
    }

    #[test]
    fn whoever_was_sent_before_its_environment_was_ready_waited_for_it() {
        let mut starts = Starts::default();
        for (sample, expected) in [
            (sample(0, 5, "old", None), Start::Warm),
            // It is ready at 500 ms.
            (sample(10, 502, "new", Some(480)), Start::Cold),
            (sample(20, 505, "new", None), Start::Cold),
            (sample(499, 507, "new", None), Start::Cold),
            // This one waited for the others alone.
            (sample(500, 509, "new", None), Start::Warm),
            (sample(498, 509, "old", None), Start::Warm),
            // Nobody waited for this one: it was ready before.
            (sample(600, 610, "early", Some(480)), Start::Other),
            (sample(590, 612, "early", None), Start::Warm),
        ] {
            assert_eq!(starts.of(&sample), expected, "{:?}", sample.timing);
        }
    }
}
