//! Why nothing is compared.

use std::io;
use std::path::PathBuf;

use run_record::Warning;
use run_record::format::FormatError;
use run_record::run_dir::RunDirError;
use run_record::summary::SumError;

/// Why nothing is compared.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum CompareError {
    #[error(transparent)]
    RunDir(#[from] RunDirError),
    #[error(transparent)]
    Sum(#[from] SumError),
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    #[error(transparent)]
    Join(#[from] JoinError),
    #[error("no folder is named, expected the folder of a run or of an experiment")]
    NoFolder,
    #[error("--window is `{0}`, expected a time from 1ms to 168h, such as 30s")]
    Window(String),
    #[error("--window: the windows of an experiment are those of its plan; leave it out")]
    WindowOfExperiment,
    #[error("{}: an experiment is compared alone; leave out the other folders", .0.display())]
    NotAlone(PathBuf),
    #[error("{}: no run of the experiment has a complete window; let the experiment go on", .0.display())]
    NoRun(PathBuf),
    #[error(
        "{}: the run has no complete window: its load lasted {lasted_s} s, and a window is {window_s} s; make the run longer, \
         or use a shorter --window", folder.display()
    )]
    NoWindow { folder: PathBuf, lasted_s: f64, window_s: f64 },
    #[error("there are {windows} windows, expected at most {max}; use a longer --window", max = run_report::compare::MAX_WINDOWS)]
    ManyWindows { windows: u64 },
    #[error("{}", unlike(.0))]
    Unlike(Vec<Warning>),
    #[error("the comparison cannot be written: {0}")]
    Write(#[from] FormatError),
    #[error("--out {}: {source}", path.display())]
    Out { path: PathBuf, source: io::Error },
    #[error("stdout: {0}")]
    Stdout(#[source] io::Error),
}

impl CompareError {
    /// Whether the command line, and not a run, is to be put right.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Choice(_)
                | Self::NoFolder
                | Self::Window(_)
                | Self::WindowOfExperiment
                | Self::NotAlone(_)
                | Self::ManyWindows { .. }
                | Self::Unlike(_)
        )
    }
}

/// Why nothing can be compared.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    #[error("--{flag} {name}: there is no such system or endpoint, expected {expected}")]
    Unknown { flag: &'static str, name: String, expected: String },
    #[error("--baseline and --candidate are both {0}, expected two systems or two endpoints")]
    Same(String),
    #[error("--baseline and --candidate have to be two systems or two endpoints, expected {expected}")]
    Mixed { expected: String },
    #[error(
        "there is one system, {system}, so nothing is compared; load several systems in one run, or name two of its endpoints \
         with --baseline and --candidate, expected {expected}"
    )]
    OneSystem { system: String, expected: String },
    #[error(
        "no function stands at both sides, expected endpoints with the same `function`; there are {there}"
    )]
    NoPair { there: String },
}

/// Why runs do not belong together.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    #[error(
        "{folder}: the endpoint {endpoint} has another payload or function than in an earlier run; leave out one of them"
    )]
    OtherEndpoint { folder: String, endpoint: String },
}

fn unlike(warnings: &[Warning]) -> String {
    let lines: String = warnings.iter().map(|warning| format!("\n  {warning}")).collect();
    format!("what is compared is not alike:{lines}\nput it right, or use --unlike to compare all the same")
}
