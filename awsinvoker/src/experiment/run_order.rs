//! Which run of an experiment comes next, given those that were made. Nothing here reads or writes a file.

use std::collections::BTreeSet;

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use run_record::experiment::{Mode, Run, RunState};

use super::plan::ExperimentPlan;

/// The random numbers of the order within pairs are other streams than those of a run: one for each pair.
const FIRST_STREAM: u64 = 1 << 32;

/// A run that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NextRun {
    /// Its number, from 0: how many there were before.
    pub(super) index: usize,
    /// The only system that it calls; all of them without one.
    pub(super) system: Option<String>,
    /// The pair to which it belongs, if its windows are not pairs.
    pub(super) pair: Option<u32>,
    /// How many windows it has.
    pub(super) windows: u32,
}

/// The run that comes next; `None` if nothing is missing.
pub(super) fn next(plan: &ExperimentPlan, runs: &[Run]) -> Option<NextRun> {
    let index = runs.len();
    match plan.mode {
        Mode::RoundRobin | Mode::Cold => {
            let windows = plan.pairs.saturating_sub(done(plan, runs));
            // Each run of a campaign of cold starts is one window.
            let windows = if plan.mode == Mode::Cold { windows.min(1) } else { windows };
            (windows > 0).then_some(NextRun { index, system: None, pair: None, windows })
        }
        Mode::Interleaved => {
            let made = made(runs);
            (0..plan.pairs).find_map(|pair| {
                let is_made = |system: &String| made.contains(&(pair, system.as_str()));
                if plan.systems.iter().all(is_made) {
                    return None;
                }
                let system = order(plan, pair).into_iter().find(|system| !is_made(system))?;
                Some(NextRun { index, system: Some(system), pair: Some(pair), windows: 1 })
            })
        }
    }
}

/// How many pairs of windows there are.
pub(super) fn done(plan: &ExperimentPlan, runs: &[Run]) -> u32 {
    match plan.mode {
        Mode::RoundRobin | Mode::Cold => {
            let windows = runs.iter().filter(|run| run.is_used()).filter_map(|run| run.windows);
            u32::try_from(windows.map(u64::from).sum::<u64>()).unwrap_or(u32::MAX)
        }
        Mode::Interleaved => {
            let made = made(runs);
            let is_complete =
                |pair: u32| plan.systems.iter().all(|system| made.contains(&(pair, system.as_str())));
            (0..plan.pairs).map(|pair| u32::from(is_complete(pair))).sum()
        }
    }
}

/// The blocks that count, each the pair and the system.
fn made(runs: &[Run]) -> BTreeSet<(u32, &str)> {
    let used = runs.iter().filter(|run| run.is_used());
    used.filter_map(|run| Some((run.pair?, run.system.as_deref()?))).collect()
}

/// Discards what does not count when an experiment goes on after an interruption: of blocks that are compared with others
/// of their pair, all must be from one time.
pub(super) fn discard_incomplete(plan: &ExperimentPlan, runs: &mut [Run]) {
    let complete: Vec<Run> = runs.iter().filter(|run| run.state == RunState::Complete).cloned().collect();
    let made = made(&complete);
    let is_whole = |pair: u32| plan.systems.iter().all(|system| made.contains(&(pair, system.as_str())));
    for run in runs {
        let is_lost = match plan.mode {
            Mode::RoundRobin | Mode::Cold => run.windows.unwrap_or(0) == 0,
            Mode::Interleaved => !run.pair.is_some_and(is_whole),
        };
        if is_lost {
            run.state = RunState::Discarded;
        }
    }
}

/// The systems in the order in which a pair calls them.
fn order(plan: &ExperimentPlan, pair: u32) -> Vec<String> {
    let mut rng = ChaCha8Rng::seed_from_u64(plan.seed);
    rng.set_stream(FIRST_STREAM + u64::from(pair));
    let mut systems = plan.systems.clone();
    systems.shuffle(&mut rng);
    systems
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn plan(mode: &str, pairs: u32) -> ExperimentPlan {
        let rps = if mode == "cold" { "" } else { "run.rps = 1" };
        let text = format!(
            "mode = \"{mode}\"\npairs = {pairs}\n{rps}\nsystems = {{ a = {{}}, b = {{}} }}\nfunctions.f = {{}}"
        );
        ExperimentPlan::read(&text, Path::new(""), false).unwrap()
    }

    fn run(system: Option<&str>, pair: Option<u32>, windows: Option<u32>, state: RunState) -> Run {
        Run { folder: String::new(), system: system.map(str::to_owned), pair, windows, state }
    }

    #[test]
    fn one_run_makes_the_windows_that_are_missing() {
        use RunState::{Complete, Discarded, Interrupted, Unfinished};
        let plan = plan("round_robin", 10);
        for (made, missing) in [
            (vec![], Some(10)),
            (vec![(Some(4), Interrupted)], Some(6)),
            (vec![(Some(4), Interrupted), (Some(0), Discarded), (Some(5), Interrupted)], Some(1)),
            (vec![(Some(9), Discarded)], Some(10)),
            (vec![(None, Unfinished)], Some(10)),
            (vec![(Some(4), Interrupted), (Some(6), Complete)], None),
            (vec![(Some(11), Complete)], None),
        ] {
            let runs: Vec<_> =
                made.iter().map(|(windows, state)| run(None, None, *windows, *state)).collect();
            let expected =
                missing.map(|windows| NextRun { index: runs.len(), system: None, pair: None, windows });
            assert_eq!(next(&plan, &runs), expected, "{made:?}");
        }
    }

    #[test]
    fn each_run_of_a_campaign_is_one_pair() {
        let plan = plan("cold", 2);
        let made = |state, windows| run(None, None, Some(windows), state);
        let mut runs = vec![made(RunState::Complete, 1), made(RunState::Interrupted, 0)];
        discard_incomplete(&plan, &mut runs);
        assert_eq!(runs[1].state, RunState::Discarded);
        assert_eq!(next(&plan, &runs), Some(NextRun { index: 2, system: None, pair: None, windows: 1 }));
        runs.push(made(RunState::Complete, 1));
        assert_eq!(next(&plan, &runs), None);
    }

    #[test]
    fn blocks_come_in_pairs_in_random_order() {
        let plan = plan("interleaved", 40);
        let mut runs = Vec::new();
        let mut firsts = 0;
        while let Some(next) = next(&plan, &runs) {
            assert_eq!((next.index, next.windows), (runs.len(), 1));
            assert_eq!(next.pair, Some(u32::try_from(runs.len()).unwrap() / 2));
            let is_first = runs.len() % 2 == 0;
            firsts += u32::from(is_first && next.system.as_deref() == Some("a"));
            runs.push(run(next.system.as_deref(), next.pair, Some(1), RunState::Complete));
        }
        assert_eq!((runs.len(), done(&plan, &runs)), (80, 40));
        assert!((10..30).contains(&firsts), "{firsts} of 40 pairs begin with a");
        let both = |pair: &[Run]| pair[0].system != pair[1].system;
        assert!(runs.chunks(2).all(both));
    }

    #[test]
    fn both_blocks_of_an_unfinished_pair_are_made_again() {
        let plan = plan("interleaved", 2);
        let mut runs = Vec::new();
        for state in [RunState::Complete, RunState::Complete, RunState::Complete, RunState::Interrupted] {
            let next = next(&plan, &runs).unwrap();
            let windows = if state == RunState::Complete { 1 } else { 0 };
            runs.push(run(next.system.as_deref(), next.pair, Some(windows), state));
        }
        discard_incomplete(&plan, &mut runs);
        let states: Vec<_> = runs.iter().map(|run| run.state).collect();
        use RunState::{Complete, Discarded};
        assert_eq!(states, [Complete, Complete, Discarded, Discarded]);
        assert_eq!(done(&plan, &runs), 1);
        let again = next(&plan, &runs).unwrap();
        assert_eq!((again.index, again.pair), (4, Some(1)));
        assert_eq!(again.system, runs[2].system, "the order within a pair is that of the seed");
    }

    #[test]
    fn more_windows_than_there_can_be_are_enough() {
        let plan = plan("round_robin", 3);
        let runs = [0, 1].map(|_| run(None, None, Some(u32::MAX), RunState::Complete));
        assert_eq!((done(&plan, &runs), next(&plan, &runs)), (u32::MAX, None));
    }

    #[test]
    fn a_run_without_a_complete_window_is_discarded() {
        let plan = plan("round_robin", 3);
        let mut runs = [
            run(None, None, Some(0), RunState::Interrupted),
            run(None, None, Some(1), RunState::Interrupted),
        ];
        discard_incomplete(&plan, &mut runs);
        assert_eq!(runs.map(|run| run.state), [RunState::Discarded, RunState::Interrupted]);
    }
}
