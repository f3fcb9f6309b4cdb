//! A run that can be made: the plan and the platform, resolved from the command line.

use crate::cli::Args;
use crate::plan::{Plan, PlanError};
use crate::platform::{self, Programs};

/// A run that can be made.
#[derive(Clone, Debug)]
pub struct Config {
    /// What the run will do.
    pub plan: Plan,
    /// Where the functions are.
    pub platform: platform::Config,
}

/// What is wrong with the command line or with a file that it names.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// See [`PlanError`].
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// See [`platform::ConfigError`].
    #[error(transparent)]
    Platform(#[from] platform::ConfigError),
}

impl Config {
    /// Resolves the command line. `programs` finds what `--local` starts.
    ///
    /// # Errors
    /// A value or a file cannot be used.
    pub fn resolve(args: &Args, programs: &Programs) -> Result<Self, ConfigError> {
        let plan = Plan::resolve(args)?;
        let platform = platform::Config::resolve(&args.platform, &plan, programs)?;
        Ok(Self { plan, platform })
    }
}
