//! Why a command failed.

use std::io;

use crate::compare::CompareError;
use crate::config::ConfigError;
use crate::experiment::ExperimentError;
use crate::merge::MergeError;
use crate::report::ReportError;
use crate::run::RunError;

/// Why a command of awsinvoker failed. The message names the causes, so nobody has to ask for the source.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum Error {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(transparent)]
    Merge(#[from] MergeError),
    #[error(transparent)]
    Compare(#[from] CompareError),
    #[error("cannot find this executable: {0}")]
    Executable(io::Error),
    #[error("cannot start the runtime: {0}")]
    Runtime(io::Error),
}

impl Error {
    /// Whether what was asked for is wrong, so that nothing was measured.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Config(_) => true,
            Self::Run(error) => error.is_usage(),
            Self::Experiment(error) => error.is_usage(),
            Self::Compare(error) => error.is_usage(),
            Self::Report(_) | Self::Merge(_) | Self::Executable(_) | Self::Runtime(_) => false,
        }
    }
}
