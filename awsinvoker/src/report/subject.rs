//! What a report is about: runs, or an experiment with its runs.

use std::path::{Path, PathBuf};
use std::slice;

use run_record::comparison::Comparison;
use run_record::run_dir::{EXPERIMENT_JSON, PLAN_TOML, RunDir};

use super::error::ReportError;
use crate::compare::{CompareError, CompareOptions, compare};

/// Of an experiment, so many runs are shown in full. The comparison lists all of them.
const RUNS_OF_EXPERIMENT: usize = 4;

/// The runs of a report.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) title: String,
    /// The folders of the runs.
    pub(super) folders: Vec<PathBuf>,
    pub(super) is_experiment: bool,
    /// The command that makes the experiment again.
    pub(super) command: Option<Vec<String>>,
    pub(super) compared: Compared,
}

/// Whether systems are compared.
#[derive(Debug)]
pub(super) enum Compared {
    /// There is nothing to compare, or nobody asked.
    Not,
    /// They would be, but for this.
    Refused(String),
    Yes(Box<Comparison>),
}

impl Subject {
    /// What these folders hold. Runs are compared if `compares` says so, and an experiment always.
    pub(super) fn new(folders: &[PathBuf], compares: bool) -> Result<Self, ReportError> {
        let experiment = folders.iter().find(|folder| folder.join(EXPERIMENT_JSON).exists());
        match (experiment, folders) {
            (Some(folder), [_]) => Self::of_experiment(folder, Compared::new(slice::from_ref(folder))),
            (Some(folder), _) => Err(ReportError::NotAlone(folder.clone())),
            (None, _) => Ok(Self {
                title: match folders {
                    [folder] => format!("Load test {}", folder.display()),
                    _ => format!("{} load tests", folders.len()),
                },
                folders: folders.to_vec(),
                is_experiment: false,
                command: None,
                compared: if compares { Compared::new(folders) } else { Compared::Not },
            }),
        }
    }

    /// The experiment in this folder, which came to this.
    pub(super) fn of_experiment(folder: &Path, compared: Compared) -> Result<Self, ReportError> {
        let experiment = RunDir::open(folder).read_experiment()?;
        let name = experiment.name.clone().unwrap_or_else(|| folder.display().to_string());
        Ok(Self {
            title: format!("Experiment {name}"),
            folders: experiment.used_runs().map(|run| folder.join(&run.folder)).collect(),
            is_experiment: true,
            command: Some(again(folder, experiment.a_a)),
            compared,
        })
    }

    /// How many runs the page shows.
    pub(super) fn shown(&self) -> usize {
        if self.is_experiment { RUNS_OF_EXPERIMENT } else { run_report::MAX_RUNS }
    }
}

/// The command that makes an experiment again: its folder has a copy of its plan.
fn again(folder: &Path, a_a: bool) -> Vec<String> {
    let plan = folder.join(PLAN_TOML).display().to_string();
    let words = ["awsinvoker", "experiment", &plan].map(str::to_owned).into_iter();
    words.chain(a_a.then(|| "--a-a".to_owned())).collect()
}

impl Compared {
    fn new(folders: &[PathBuf]) -> Self {
        // What differs is told beside the result.
        let options = CompareOptions { allows_unlike: true, ..CompareOptions::default() };
        match compare(folders, &options) {
            Ok(comparison) => Self::Yes(Box::new(comparison)),
            // One system alone is no fault.
            Err(CompareError::Choice(_)) => Self::Not,
            // The length of a window is a flag of another command.
            Err(error @ (CompareError::NoWindow { .. } | CompareError::ManyWindows { .. })) => {
                let folders: Vec<String> =
                    folders.iter().map(|folder| folder.display().to_string()).collect();
                Self::Refused(format!("{error} with `awsinvoker compare {}`", folders.join(" ")))
            }
            Err(error) => Self::Refused(error.to_string()),
        }
    }
}
