//! A run that can be made: the plan and the platform, resolved from the command line.

use std::time::Duration;

use crate::cli::Args;
use crate::idle::IdleLimit;
use crate::plan::{Plan, PlanError};
use crate::platform::{self, Programs};

/// The machine is looked at once a second, for an hour at most.
const IDLE_WITHIN_S: std::ops::RangeInclusive<f64> = 1.0..=3600.0;

/// A run that can be made.
#[derive(Clone, Debug)]
pub struct Config {
    /// What the run will do.
    pub plan: Plan,
    /// Where the functions are.
    pub platform: platform::Config,
    /// How idle the machine has to be.
    pub idle: Option<IdleLimit>,
    /// Threads that make calls and read answers.
    pub workers: u16,
    /// What is shown while the run goes on.
    pub display: Display,
}

/// What is shown while a run goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Display {
    /// Neither the line at the start nor the progress.
    pub quiet: bool,
    /// The progress also where standard error is no terminal.
    pub progress: bool,
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
        let idle = idle_limit(args)?;
        let plan = Plan::resolve(args)?;
        let platform = platform::Config::resolve(&args.platform, &plan, programs)?;
        let display = Display { quiet: args.quiet, progress: args.progress };
        Ok(Self { plan, platform, idle, workers: args.workers, display })
    }
}

fn idle_limit(args: &Args) -> Result<Option<IdleLimit>, PlanError> {
    let within = args.require_idle_within;
    if !IDLE_WITHIN_S.contains(&within) {
        let expected = format!("seconds from {} to {}", IDLE_WITHIN_S.start(), IDLE_WITHIN_S.end());
        return Err(PlanError::Value { flag: "--require-idle-within", value: within.to_string(), expected });
    }
    let within = Duration::from_secs_f64(within);
    Ok(args.require_idle.map(|percent| IdleLimit { percent, within }))
}
