//! The runs that a comparison comes from.

use std::path::{Path, PathBuf};

use run_record::comparison::{DEFAULT_WINDOW_NS, Design, Note};
use run_record::experiment::{self, Experiment, Mode, PartState};
use run_record::run_dir::{EXPERIMENT_JSON, RunDir};
use run_record::units;

use super::error::CompareError;

/// The runs, and how they belong together.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) design: Design,
    /// The length of a window; absent if each run is one window.
    pub(super) window_ns: Option<u64>,
    /// That of the experiment.
    pub(super) margin: Option<f64>,
    pub(super) parts: Vec<Part>,
    /// The systems in the order of the experiment, whose first one is the baseline; empty without an experiment.
    pub(super) systems: Vec<String>,
    /// Parts of the experiment that are not used.
    pub(super) left_out: Vec<Note>,
}

/// One run. How it was made is read when it is needed: an experiment has up to 20,000 runs.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) run_dir: RunDir,
    /// The number of its first window among those of all runs.
    pub(super) first_window: usize,
    /// How many of its windows count; absent if all that are complete do.
    pub(super) windows: Option<usize>,
}

impl Parts {
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
                margin: None,
                parts: folders.iter().map(|folder| Part::new(folder, 0, None)).collect(),
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
        let parts = placed(&experiment).map(|(part, first_window)| {
            let windows = part.windows.and_then(|windows| usize::try_from(windows).ok());
            Part::new(&folder.join(&part.folder), first_window, windows)
        });
        let parts: Vec<Part> = parts.collect();
        if parts.is_empty() {
            return Err(CompareError::NoPart(folder.to_owned()));
        }
        Ok(Self {
            design: if experiment.mode == Mode::Interleaved {
                Design::Interleaved
            } else {
                Design::RoundRobin
            },
            window_ns: (experiment.mode != Mode::Cold).then(|| units::ns_from_s(experiment.window_s)),
            margin: Some(experiment.margin),
            parts,
            systems: experiment.systems,
            left_out: experiment.parts.iter().filter_map(left_out).collect(),
        })
    }
}

/// The parts that count, each with the number of its first window. Those of one pair have the same windows.
fn placed(experiment: &Experiment) -> impl Iterator<Item = (&experiment::Part, usize)> {
    let of_pair = experiment.used_parts().filter_map(|part| part.windows).max().unwrap_or(1) as usize;
    let mut next = 0;
    experiment.used_parts().map(move |part| {
        let first = match part.pair {
            Some(pair) => pair as usize * of_pair,
            None => next,
        };
        next = first + part.windows.unwrap_or(0) as usize;
        (part, first)
    })
}

/// What is to be said about a part that does not count. One that was made again is not missed.
fn left_out(part: &experiment::Part) -> Option<Note> {
    let why = match part.state {
        PartState::Discarded => return None,
        _ if part.is_used() => return None,
        PartState::Unfinished => "it is not finished",
        PartState::Complete | PartState::Interrupted => "it has no complete window",
    };
    Some(Note::PartLeftOut { folder: part.folder.clone(), why: why.to_owned() })
}

impl Part {
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

    fn part(folder: &str, pair: Option<u32>, windows: Option<u32>, state: PartState) -> experiment::Part {
        experiment::Part { folder: folder.to_owned(), system: None, pair, windows, state }
    }

    fn experiment(mode: Mode, parts: Vec<experiment::Part>) -> Experiment {
        Experiment {
            schema: experiment::SCHEMA,
            name: None,
            mode,
            window_s: 30.0,
            pairs: 10,
            margin: 0.05,
            seed: 0,
            a_a: false,
            plan_sha256: String::new(),
            systems: Vec::new(),
            parts,
            false_differences: None,
        }
    }

    fn places(experiment: &Experiment) -> Vec<(&str, usize)> {
        placed(experiment).map(|(part, first)| (part.folder.as_str(), first)).collect()
    }

    #[test]
    fn without_a_folder_there_is_nothing_to_compare() {
        assert!(matches!(Parts::open(&[], None), Err(CompareError::NoFolder)));
    }

    #[test]
    fn windows_of_runs_that_load_all_systems_follow_one_another() {
        let parts = vec![
            part("a", None, Some(4), PartState::Interrupted),
            part("b", None, Some(3), PartState::Discarded),
            part("c", None, Some(6), PartState::Complete),
            part("d", None, None, PartState::Unfinished),
        ];
        let experiment = experiment(Mode::RoundRobin, parts);
        assert_eq!(places(&experiment), [("a", 0), ("c", 4)]);
        let notes: Vec<String> =
            experiment.parts.iter().filter_map(left_out).map(|note| note.to_string()).collect();
        assert_eq!(notes, ["d is left out: it is not finished"]);
    }

    #[test]
    fn runs_of_a_pair_share_their_windows_in_whatever_order_they_were_made() {
        let complete = |folder, pair| part(folder, Some(pair), Some(1), PartState::Complete);
        let parts = vec![complete("0b", 0), complete("0a", 0), complete("2a", 2), complete("1b", 1)];
        assert_eq!(
            places(&experiment(Mode::Interleaved, parts)),
            [("0b", 0), ("0a", 0), ("2a", 2), ("1b", 1)]
        );
    }
}
