//! Why there is no run, or no result of one.

use std::io;
use std::path::PathBuf;

use run_record::format::FormatError;
use run_record::run_dir::RunDirError;
use run_record::summary::SumError;

use crate::cost::CostError;
use crate::idle::NotIdle;
use crate::load::LoadError;
use crate::platform::StartError;
use crate::preflight::NotAlike;
use crate::start_at::StartAtError;

/// Why a run could not be made or saved.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum RunError {
    #[error(transparent)]
    NotIdle(#[from] NotIdle),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    StartAt(#[from] StartAtError),
    #[error(transparent)]
    Cost(#[from] CostError),
    #[error(transparent)]
    NotAlike(#[from] NotAlike),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    RunDir(#[from] RunDirError),
    #[error(transparent)]
    Sum(#[from] SumError),
    #[error(transparent)]
    Format(#[from] FormatError),
    #[error("--latf {}: cannot be written: {source}", path.display())]
    LatencyFile { path: PathBuf, source: io::Error },
    #[error("--schedule-out {}: cannot be written: {source}", path.display())]
    ScheduleOut { path: PathBuf, source: io::Error },
    #[error("{0}")]
    System(#[from] io::Error),
    #[error("the run is over, but not all of it was saved: {}", .0.join("; "))]
    NotSaved(Vec<String>),
}

impl RunError {
    /// Whether what was asked for is refused, so that nothing was measured.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::NotAlike(_))
    }
}
