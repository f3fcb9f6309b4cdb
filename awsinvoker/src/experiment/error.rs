//! Why an experiment cannot be made.

use std::io;
use std::path::PathBuf;

use run_record::format::FormatError;
use run_record::run_dir::RunDirError;

use super::plan::{MAX_PLAN_BYTES, PlanError};
use crate::compare::CompareError;
use crate::platform::SizedVersionsError;
use crate::report::ReportError;
use crate::run::RunError;

/// Why an experiment cannot be made.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum ExperimentError {
    #[error("{}: cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}: larger than {MAX_PLAN_BYTES} bytes, expected the plan of an experiment", .0.display())]
    TooLarge(PathBuf),
    #[error("{}: {source}", path.display())]
    Plan { path: PathBuf, source: PlanError },
    #[error("{}: {place}the command line of a run cannot be used: {message}", path.display())]
    CommandLine { path: PathBuf, place: String, message: String },
    #[error(
        "--out {}: the folder holds another experiment: the SHA-256 of its plan is {found}, and that of {} is {expected}; \
         give another folder, or undo what was changed: {} is a copy of its plan",
        folder.display(), path.display(), folder.join("plan.toml").display()
    )]
    OtherPlan { folder: PathBuf, path: PathBuf, found: String, expected: String },
    #[error("--out {}: the folder holds an experiment {held} --a-a, expected one {expected} it; give another folder", folder.display())]
    OtherArms { folder: PathBuf, held: &'static str, expected: &'static str },
    #[error(
        "{}: differs from what the plan says now, as when a file of a payload has changed; give another folder with --out",
        .0.display()
    )]
    OtherEndpoints(PathBuf),
    #[error("--out {}: another awsinvoker makes this experiment now; wait for its end, or give another folder", .0.display())]
    InUse(PathBuf),
    #[error("{}: the run ended as planned, but has no complete window; look at {}", folder.display(), folder.join("samples.csv").display())]
    NoWindow { folder: PathBuf },
    #[error(
        "{}: the runs are complete, but cannot be compared: {source}; awsinvoker compare {} tries it again",
        folder.display(), folder.display()
    )]
    Compare { folder: PathBuf, source: Box<CompareError> },
    #[error(transparent)]
    Run(#[from] RunError),
    #[error("[sweep]: {0}")]
    Sizes(#[from] SizedVersionsError),
    #[error("{first}; {left}")]
    AndLeft { first: Box<Self>, left: Box<Self> },
    #[error(
        "[cold] max_usd: what calls cost is not known: {reason}; give the price with `prices` in [run], or leave `max_usd` away"
    )]
    NoPrice { reason: String },
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(transparent)]
    RunDir(#[from] RunDirError),
    #[error(transparent)]
    Format(#[from] FormatError),
    #[error("{0}")]
    System(#[from] io::Error),
}

impl ExperimentError {
    /// Whether the command line, the plan or the folder is wrong, so that nothing was measured.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Run(error) => error.is_usage(),
            Self::AndLeft { first, .. } => first.is_usage(),
            Self::Compare { .. }
            | Self::NoWindow { .. }
            | Self::Sizes(_)
            | Self::Report(_)
            | Self::RunDir(_)
            | Self::Format(_)
            | Self::System(_) => false,
            Self::Read { .. }
            | Self::TooLarge(_)
            | Self::Plan { .. }
            | Self::CommandLine { .. }
            | Self::NoPrice { .. }
            | Self::OtherPlan { .. }
            | Self::OtherArms { .. }
            | Self::OtherEndpoints(_)
            | Self::InUse(_) => true,
        }
    }
}
