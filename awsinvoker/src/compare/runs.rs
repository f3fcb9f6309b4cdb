//! The runs that a comparison comes from.

use std::path::{Path, PathBuf};

use run_record::comparison::{DEFAULT_WINDOW_NS, Design, Note};
use run_record::experiment::{self, Experiment, Mode, RunState};
use run_record::run_dir::{EXPERIMENT_JSON, RunDir};
use run_record::units;

use super::error::CompareError;

/// The runs, and how they belong together.
#[derive(Debug)]
pub(super) struct ComparedRuns {
    pub(super) design: Design,
    /// The length of a window; absent if each run is one window.
    pub(super) window_ns: Option<u64>,
    /// Whether the experiment ends as soon as an interval is narrow enough.
    pub(super) ends_by_width: bool,
    /// That of the experiment.
    pub(super) margin: Option<f64>,
    pub(super) runs: Vec<ComparedRun>,
    /// The systems in the order of the experiment, whose first one is the baseline; empty without an experiment.
    pub(super) systems: Vec<String>,
    /// Runs of the experiment that are not used.
    pub(super) left_out: Vec<Note>,
}

/// One run. How it was made is read when it is needed: an experiment has up to 20,000 runs.
#[derive(Debug)]
pub(super) struct ComparedRun {
    pub(super) run_dir: RunDir,
    /// The number of its first window among those of all runs.
    pub(super) first_window: usize,
    /// How many of its windows count; absent if all that are complete do.
    pub(super) windows: Option<usize>,
}

impl ComparedRuns {
    /// Reads how the runs in these folders were made.
    pub(super) fn open(folders: &[PathBuf], window_ns: Option<u64>) -> Result<Self, CompareError> {
        let is_experiment = |folder: &&PathBuf| folder.join(EXPERIMENT_JSON).exists();
        match (folders.iter().find(is_experiment), folders.len()) {
            (None, 0) => Err(CompareError::NoFolder),
            (Some(folder), 1) => Self::of_experiment(folder, window_ns),
            (Some(folder), _) => Err(CompareError::NotAlone(folder.clone())),
            (None, count) => Ok(Self {
                design: if count == 1 { Design::RoundRobin } else { Design::SeparateRuns },
                window_ns: Some(window_ns.unwrap_or(DEFAULT_WINDOW_NS)),
                ends_by_width: false,
                margin: None,
                runs: folders.iter().map(|folder| ComparedRun::new(folder, 0, None)).collect(),
                systems: Vec::new(),
                left_out: Vec::new(),
            }),
        }
    }

    fn of_experiment(folder: &Path, window_ns: Option<u64>) -> Result<Self, CompareError> {
        if window_ns.is_some() {
            return Err(CompareError::WindowOfExperiment);
        }
        let experiment = RunDir::open(folder).read_experiment()?;
        let runs = placed(&experiment).map(|(run, first_window)| {
            let windows = run.windows.and_then(|windows| usize::try_from(windows).ok());
            ComparedRun::new(&folder.join(&run.folder), first_window, windows)
        });
        let runs: Vec<ComparedRun> = runs.collect();
        if runs.is_empty() {
            return Err(CompareError::NoRun(folder.to_owned()));
        }
        Ok(Self {
            design: if experiment.mode == Mode::Interleaved {
                Design::Interleaved
            } else {
                Design::RoundRobin
            },
            window_ns: (experiment.mode != Mode::Cold).then(|| units::ns_from_s(experiment.window_s)),
            ends_by_width: experiment.ends_by_width,
            margin: Some(experiment.margin),
            runs,
            systems: experiment.systems,
            left_out: experiment.runs.iter().filter_map(left_out).collect(),
        })
    }
}

/// The runs that count, each with the number of its first window. Those of one pair have the same windows.
fn placed(experiment: &Experiment) -> impl Iterator<Item = (&experiment::Run, usize)> {
    let of_pair = experiment.used_runs().filter_map(|run| run.windows).max().unwrap_or(1) as usize;
    let mut next = 0;
    experiment.used_runs().map(move |run| {
        let first = match run.pair {
            Some(pair) => pair as usize * of_pair,
            None => next,
        };
        next = first + run.windows.unwrap_or(0) as usize;
        (run, first)
    })
}

/// What is to be said about a run that does not count. One that was made again is not missed.
fn left_out(run: &experiment::Run) -> Option<Note> {
    let why = match run.state {
        RunState::Discarded => return None,
        _ if run.is_used() => return None,
        RunState::Unfinished => "it is not finished",
        RunState::Complete | RunState::Interrupted => "it has no complete window",
    };
    Some(Note::RunLeftOut { folder: run.folder.clone(), why: why.to_owned() })
}

impl ComparedRun {
    fn new(folder: &Path, first_window: usize, windows: Option<usize>) -> Self {
        Self { run_dir: RunDir::open(folder), first_window, windows }
    }

    /// What it is called.
    pub(super) fn name(&self) -> String {
        self.run_dir.path().display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(folder: &str, pair: Option<u32>, windows: Option<u32>, state: RunState) -> experiment::Run {
        experiment::Run { folder: folder.to_owned(), system: None, pair, windows, state }
    }

    fn experiment(mode: Mode, runs: Vec<experiment::Run>) -> Experiment {
        Experiment {
            schema: experiment::SCHEMA,
            name: None,
            mode,
            window_s: 30.0,
            pairs: 10,
            margin: 0.05,
            seed: 0,
            ends_by_width: false,
            a_a: false,
            plan_sha256: String::new(),
            systems: Vec::new(),
            runs,
            false_differences: None,
        }
    }

    fn places(experiment: &Experiment) -> Vec<(&str, usize)> {
        placed(experiment).map(|(run, first)| (run.folder.as_str(), first)).collect()
    }

    #[test]
    fn without_a_folder_there_is_nothing_to_compare() {
        assert!(matches!(ComparedRuns::open(&[], None), Err(CompareError::NoFolder)));
    }

    #[test]
    fn windows_of_runs_that_load_all_systems_follow_one_another() {
        let runs = vec![
            run("a", None, Some(4), RunState::Interrupted),
            run("b", None, Some(3), RunState::Discarded),
            run("c", None, Some(6), RunState::Complete),
            run("d", None, None, RunState::Unfinished),
        ];
        let experiment = experiment(Mode::RoundRobin, runs);
        assert_eq!(places(&experiment), [("a", 0), ("c", 4)]);
        let notes: Vec<String> =
            experiment.runs.iter().filter_map(left_out).map(|note| note.to_string()).collect();
        assert_eq!(notes, ["d is left out: it is not finished"]);
    }

    #[test]
    fn runs_of_a_pair_share_their_windows_in_whatever_order_they_were_made() {
        let complete = |folder, pair| run(folder, Some(pair), Some(1), RunState::Complete);
        let runs = vec![complete("0b", 0), complete("0a", 0), complete("2a", 2), complete("1b", 1)];
        assert_eq!(
            places(&experiment(Mode::Interleaved, runs)),
            [("0b", 0), ("0a", 0), ("2a", 2), ("1b", 1)]
        );
    }
}
