//! Fresh environments during a run: how they were asked for, and what came of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// So many restarts are kept one by one; beyond, they are counted.
const MAX_KEPT: usize = 1000;
/// A restart that is complete by this share of the distance of two boundaries after its own is in time.
const IN_TIME: f64 = 0.1;

/// How the environments of a target are made fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RestartWay {
    /// A variable of the function is changed. The platform then uses no environment that it had before.
    UpdateConfiguration,
    /// New instances of the function are started, and the old ones end after their calls.
    NewInstances,
    /// A command of the user.
    Command,
}

/// What was done about fresh environments at one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct TargetRestarts {
    /// The index of the target.
    pub target: usize,
    /// How its environments were made fresh.
    pub way: RestartWay,
    /// The functions whose environments were made fresh.
    pub functions: Vec<String>,
    /// The commands that were run; empty if it was done in another way.
    pub commands: Vec<Vec<String>>,
    /// Boundaries that came while the run went on.
    pub due: u64,
    /// Restarts that failed.
    pub failed: u64,
    /// Restarts that were complete later than a tenth of the distance of two boundaries after their own.
    pub late: u64,
    /// From a boundary to the end of its restart, in seconds, the latest one; below zero if all were complete before; null if
    /// none was complete.
    pub latest_s: Option<f64>,
    /// The restarts one by one, at most the first thousand.
    pub restarts: Vec<Restart>,
    /// Why the functions do not have the configuration again that they had before the run; null if they have it.
    pub not_restored: Option<String>,
}

/// One restart. Times are seconds since the start of the run. Calls due between `begun_s` and `done_s` may have met
/// environments of either side, but for new instances, where the boundary alone decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Restart {
    /// The boundary.
    pub due_s: f64,
    /// When it was begun; null if it was not.
    pub begun_s: Option<f64>,
    /// When it was complete; null if it failed.
    pub done_s: Option<f64>,
    /// Why it failed; null if it did not.
    pub failure: Option<String>,
}

impl TargetRestarts {
    /// Without any restart yet.
    pub fn new(target: usize, way: RestartWay) -> Self {
        Self {
            target,
            way,
            functions: Vec::new(),
            commands: Vec::new(),
            due: 0,
            failed: 0,
            late: 0,
            latest_s: None,
            restarts: Vec::new(),
            not_restored: None,
        }
    }

    /// Adds a restart of a run with a boundary every so many seconds.
    pub fn add(&mut self, restart: Restart, every_s: f64) {
        self.due += 1;
        match restart.done_s.map(|done_s| done_s - restart.due_s) {
            Some(delay_s) => {
                self.late += u64::from(is_late(delay_s, every_s));
                self.latest_s = Some(self.latest_s.map_or(delay_s, |latest_s| latest_s.max(delay_s)));
            }
            None => self.failed += 1,
        }
        if self.restarts.len() < MAX_KEPT {
            self.restarts.push(restart);
        }
    }

    /// The first cause of a failure.
    pub fn cause(&self) -> Option<&str> {
        self.restarts.iter().find_map(|restart| restart.failure.as_deref())
    }
}

/// Whether a restart comes late that is not complete so long after its boundary, in seconds, if there is a boundary every so
/// many seconds.
pub fn is_late(delay_s: f64, every_s: f64) -> bool {
    delay_s > every_s * IN_TIME
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restart(due_s: f64, done_s: Option<f64>) -> Restart {
        let failure = done_s.is_none().then(|| format!("of {due_s}"));
        Restart { due_s, begun_s: Some(due_s - 0.5), done_s, failure }
    }

    #[test]
    fn restarts_are_counted_by_how_they_ended() {
        let mut target = TargetRestarts::new(0, RestartWay::NewInstances);
        assert_eq!((target.latest_s, target.cause()), (None, None));
        target.add(restart(30.0, Some(29.5)), 30.0);
        assert_eq!((target.late, target.latest_s), (0, Some(-0.5)));
        let others = [(60.0, Some(63.0)), (90.0, Some(93.5)), (120.0, None), (150.0, None)];
        others.into_iter().for_each(|(due_s, done_s)| target.add(restart(due_s, done_s), 30.0));
        assert_eq!((target.due, target.late, target.failed), (5, 1, 2));
        assert_eq!((target.latest_s, target.cause()), (Some(3.5), Some("of 120")));
    }

    #[test]
    fn a_long_run_keeps_the_first_ones() {
        let mut target = TargetRestarts::new(0, RestartWay::Command);
        (0..1001).for_each(|number| target.add(restart(f64::from(number), None), 1.0));
        assert_eq!((target.restarts.len(), target.due, target.failed), (1000, 1001, 1001));
    }
}
