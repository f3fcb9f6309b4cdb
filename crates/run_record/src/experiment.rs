//! What an experiment leaves behind beside its runs: `experiment.json`, the list of its runs.
//!
//! Each run has a folder of its own, and is made as any run is. The experiment says which runs there are, what each of
//! them is for, and how much of it counts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of the layout of `experiment.json`. It changes when a key changes its meaning or goes.
pub const SCHEMA: u32 = 1;

/// An experiment: several systems under the same load, in one or more runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "An awsinvoker experiment", deny_unknown_fields)]
pub struct Experiment {
    /// Version of this layout.
    pub schema: u32,
    /// The name that the plan gives it; null if it gives none.
    pub name: Option<String>,
    /// How the systems share the time.
    pub mode: Mode,
    /// The length of a window in seconds. Windows of a run count from its start, by the time at which a request was due.
    /// With the mode `cold`, each run is one window, whatever its length.
    pub window_s: f64,
    /// How many pairs of windows were asked for; with the mode `cold`, the most runs that there may be.
    pub pairs: u32,
    /// Two systems count as equivalent if they differ by less than this share, such as 0.05.
    pub margin: f64,
    /// What everything random is drawn from.
    pub seed: u64,
    /// Whether the experiment ends as soon as an interval is narrow enough, which makes its intervals a little too narrow.
    #[serde(default)]
    pub ends_by_width: bool,
    /// Whether the compared systems are one and the same, so that each difference that is found is false.
    pub a_a: bool,
    /// SHA-256 of the plan, in hexadecimal. The folder holds a copy of the plan.
    pub plan_sha256: String,
    /// The compared systems. The others are compared with the first.
    pub systems: Vec<String>,
    /// The runs in the order in which they were made.
    pub runs: Vec<Run>,
    /// What a comparison of a system with itself found; null unless `a_a` is true and the experiment is complete.
    pub false_differences: Option<FalseDifferences>,
}

/// How the systems of an experiment share the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Each run calls all systems in turn. Its windows are the pairs.
    RoundRobin,
    /// Each run calls one system for one window. The runs of a pair follow one another, in random order.
    Interleaved,
    /// Each call meets a fresh environment. Each run calls all systems in turn, and is one pair.
    Cold,
}

/// One run of an experiment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Run {
    /// The folder of the run, relative to that of the experiment.
    pub folder: String,
    /// The only system that it calls; null if it calls all of them.
    pub system: Option<String>,
    /// The pair to which it belongs, from 0; null if each of its windows is a pair.
    pub pair: Option<u32>,
    /// How many of its windows are complete, counted from its first; null while that is not known. Only these count.
    pub windows: Option<u32>,
    /// How it ended.
    pub state: RunState,
}

/// How a run of an experiment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It goes on, or the experiment was killed during it.
    Unfinished,
    /// As planned.
    Complete,
    /// Early. Its complete windows count.
    Interrupted,
    /// It is not used: it was made again, or measured nothing.
    Discarded,
}

/// What a comparison of a system with itself found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct FalseDifferences {
    /// Ratios that have an interval.
    pub intervals: u64,
    /// Those of them whose interval does not hold 1.
    pub differences: u64,
    /// The share that is expected if the intervals are right, from 0 to 1.
    pub expected_share: f64,
}

impl Experiment {
    /// The runs that count: those that are not discarded and have a complete window.
    pub fn used_runs(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(|run| run.is_used())
    }
}

impl Run {
    /// Whether some of it counts.
    pub fn is_used(&self) -> bool {
        self.state != RunState::Discarded && self.windows.is_some_and(|windows| windows > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::json;

    fn run(state: RunState, windows: Option<u32>) -> Run {
        Run { folder: "runs/1".to_owned(), system: None, pair: None, windows, state }
    }

    #[test]
    fn what_is_written_is_read() {
        let experiment = Experiment {
            schema: SCHEMA,
            name: Some("a or b".to_owned()),
            mode: Mode::RoundRobin,
            window_s: 30.0,
            pairs: 10,
            margin: 0.05,
            seed: u64::MAX,
            ends_by_width: false,
            a_a: true,
            plan_sha256: "00".to_owned(),
            systems: vec!["a".to_owned(), "b".to_owned()],
            runs: vec![run(RunState::Interrupted, Some(4)), run(RunState::Unfinished, None)],
            false_differences: Some(FalseDifferences { intervals: 60, differences: 3, expected_share: 0.05 }),
        };
        let written = json::write(&experiment).unwrap();
        assert_eq!(json::read::<Experiment>(&written[..], SCHEMA).unwrap(), experiment);
        assert_eq!(experiment.used_runs().collect::<Vec<_>>(), [&experiment.runs[0]]);
    }

    #[test]
    fn what_is_discarded_or_has_no_window_does_not_count() {
        for (state, windows, is_used) in [
            (RunState::Complete, Some(1), true),
            (RunState::Complete, Some(0), false),
            (RunState::Discarded, Some(1), false),
            (RunState::Unfinished, None, false),
        ] {
            assert_eq!(run(state, windows).is_used(), is_used, "{state:?} {windows:?}");
        }
    }
}
