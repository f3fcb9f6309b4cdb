//! The folder of an experiment: its plan, its list of runs, and what its runs read.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use run_record::experiment::{self, Experiment, Run};
use run_record::format::json;
use run_record::run_dir::{EXPERIMENT_JSON, PLAN_TOML, RunDir};
use run_record::units;
use run_record::verdict::Reason;

use super::error::ExperimentError;
use super::plan::ExperimentPlan;
use super::runs::Runs;
use crate::clock::wall_now;

/// The plan as it was read.
#[derive(Clone, Debug)]
pub(super) struct PlanText {
    pub(super) path: PathBuf,
    pub(super) text: String,
    pub(super) sha256: String,
}

/// The folder of an experiment, which no other process writes.
#[derive(Debug)]
pub(super) struct Folder {
    run_dir: RunDir,
    /// What is in it so far.
    pub(super) experiment: Experiment,
    _lock: File,
}

impl Folder {
    /// Makes the folder, or opens the one of the same plan. `out` is the one that was asked for.
    pub(super) fn open(
        out: Option<&Path>,
        text: &PlanText,
        runs: &Runs<'_>,
        a_a: bool,
    ) -> Result<Self, ExperimentError> {
        let held = match out {
            Some(out) => held(out, text, runs, a_a)?.map(|_| out),
            None => None,
        };
        match held {
            Some(out) => {
                let lock = lock(out)?;
                // What another process wrote before it gave the lock back counts.
                let run_dir = RunDir::open(out);
                Ok(Self { experiment: run_dir.read_experiment()?, run_dir, _lock: lock })
            }
            None => Self::create(out, text, runs, a_a),
        }
    }

    fn create(
        out: Option<&Path>,
        text: &PlanText,
        runs: &Runs<'_>,
        a_a: bool,
    ) -> Result<Self, ExperimentError> {
        let run_dir = RunDir::create(out, wall_now())?;
        run_dir.write(PLAN_TOML, text.text.as_bytes())?;
        for (path, content, _) in runs.endpoints_files(run_dir.path()) {
            run_dir.write(&file_name(&path), content.as_bytes())?;
        }
        let lock = lock(run_dir.path())?;
        let folder = Self { run_dir, experiment: described(runs.plan, &text.sha256, a_a), _lock: lock };
        folder.write()?;
        Ok(folder)
    }

    /// The folder.
    pub(super) fn path(&self) -> &Path {
        self.run_dir.path()
    }

    /// Writes the list of runs as it is now.
    pub(super) fn write(&self) -> Result<(), ExperimentError> {
        Ok(self.run_dir.write(EXPERIMENT_JSON, &json::write(&self.experiment)?)?)
    }

    /// Writes a file into the folder, or replaces it.
    pub(super) fn write_file(&self, name: &str, content: &[u8]) -> Result<(), ExperimentError> {
        Ok(self.run_dir.write(name, content)?)
    }

    /// Whether a run makes the comparison invalid. One that was interrupted lacks requests, but not of its complete windows.
    pub(super) fn is_invalid(&self, run: &Run) -> bool {
        let counts = |reason: &Reason| !matches!(reason, Reason::Incomplete { .. });
        let summary = self.run_dir(&run.folder).read_summary();
        run.is_used() && summary.is_ok_and(|summary| summary.verdict.reasons.iter().any(counts))
    }

    /// The folder of a run.
    pub(super) fn run_dir(&self, folder: &str) -> RunDir {
        RunDir::open(&self.path().join(folder))
    }
}

/// What the folder holds of this experiment; `None` if it holds no experiment.
pub(super) fn held(
    folder: &Path,
    text: &PlanText,
    runs: &Runs<'_>,
    a_a: bool,
) -> Result<Option<Experiment>, ExperimentError> {
    if !folder.join(EXPERIMENT_JSON).exists() {
        return Ok(None);
    }
    let experiment = RunDir::open(folder).read_experiment()?;
    let folder_of = || folder.to_owned();
    if experiment.plan_sha256 != text.sha256 {
        return Err(ExperimentError::OtherPlan {
            folder: folder_of(),
            path: text.path.clone(),
            found: experiment.plan_sha256,
            expected: text.sha256.clone(),
        });
    }
    if experiment.a_a != a_a {
        let worded = |a_a| if a_a { "with" } else { "without" };
        let (held, expected) = (worded(experiment.a_a), worded(a_a));
        return Err(ExperimentError::OtherArms { folder: folder_of(), held, expected });
    }
    for (path, content, _) in runs.endpoints_files(folder) {
        if fs::read_to_string(&path).ok().as_deref() != Some(content.as_str()) {
            return Err(ExperimentError::OtherEndpoints(path));
        }
    }
    Ok(Some(experiment))
}

/// An experiment without runs.
fn described(plan: &ExperimentPlan, plan_sha256: &str, a_a: bool) -> Experiment {
    Experiment {
        schema: experiment::SCHEMA,
        name: plan.name.clone(),
        mode: plan.mode,
        window_s: units::s(plan.window_ns),
        pairs: plan.pairs,
        margin: plan.margin,
        seed: plan.seed,
        ends_by_width: plan.cold.as_ref().is_some_and(|cold| cold.until.is_some()),
        a_a,
        plan_sha256: plan_sha256.to_owned(),
        systems: plan.systems.clone(),
        runs: Vec::new(),
        false_differences: None,
    }
}

/// Keeps other processes away, until the file is closed.
fn lock(folder: &Path) -> Result<File, ExperimentError> {
    let plan = File::open(folder.join(PLAN_TOML))?;
    match plan.try_lock() {
        Ok(()) => Ok(plan),
        Err(fs::TryLockError::WouldBlock) => Err(ExperimentError::InUse(folder.to_owned())),
        Err(fs::TryLockError::Error(error)) => Err(io::Error::other(error).into()),
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
