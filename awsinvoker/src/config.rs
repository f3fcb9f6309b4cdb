//! A run that can be made: the plan and the platform, resolved from the command line.

use std::time::{Duration, SystemTime};

use run_record::price_list::PriceList;
use run_record::run_info::Scheduling;

use crate::cli::{Args, PreflightArgs};
use crate::cost::{self, CostLimit, PricesError};
use crate::idle::IdleLimit;
use crate::plan::{Plan, PlanError};
use crate::platform::{self, Programs};
use crate::scheduling::{self, NotPermitted};

/// The machine is looked at once a second, for an hour at most.
const IDLE_WITHIN_S: std::ops::RangeInclusive<f64> = 1.0..=3600.0;

/// A run that can be made.
#[derive(Clone, Debug)]
pub struct Config {
    /// What the run will do.
    pub plan: Plan,
    /// The time of day at which the run starts.
    pub start_at: Option<SystemTime>,
    /// Where the functions are.
    pub platform: platform::Config,
    /// How idle the machine has to be.
    pub idle: Option<IdleLimit>,
    /// What is checked before the run.
    pub preflight: PreflightArgs,
    /// Threads that make calls and read answers.
    pub threads: Threads,
    /// What calls are billed.
    pub prices: PriceList,
    /// What the run may cost.
    pub max_cost: Option<CostLimit>,
    /// What is shown while the run goes on.
    pub display: Display,
}

/// Threads that make calls and read answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threads {
    /// How many.
    pub workers: u16,
    /// How the system schedules them.
    pub scheduling: Scheduling,
}

impl Default for Threads {
    fn default() -> Self {
        Self { workers: 1, scheduling: Scheduling::Normal }
    }
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
    /// See [`PricesError`].
    #[error(transparent)]
    Prices(#[from] PricesError),
    /// See [`platform::ConfigError`].
    #[error(transparent)]
    Platform(#[from] platform::ConfigError),
    /// See [`NotPermitted`].
    #[error(transparent)]
    NotPermitted(#[from] NotPermitted),
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
        let prices = cost::price_list(args.prices.as_deref())?;
        let max_cost = cost::limit(args.max_cost, args.expect_duration);
        let threads = Threads { workers: args.workers, scheduling: scheduling::choose(args.scheduling)? };
        let (start_at, preflight) = (args.load.start_at, args.preflight);
        Ok(Self { plan, start_at, platform, idle, preflight, threads, prices, max_cost, display })
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What is expected of a value, as the message says.
    fn expected(line: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("e.json");
        std::fs::write(&file, r#"[{"hostname": "f"}]"#).unwrap();
        let line = format!("awsinvoker {line} -endpointsFile {}", file.display());
        let message = match Args::parse_from_go_style(line.split_whitespace().map(Into::into)) {
            Err(error) => error.to_string(),
            Ok(args) => Config::resolve(&args, &Programs::new(folder.path(), None)).unwrap_err().to_string(),
        };
        let (_, expected) = message.split_once("expected ").unwrap_or_else(|| panic!("{message}"));
        expected.lines().next().unwrap_or_default().to_owned()
    }

    #[test]
    fn what_is_no_number_and_what_is_out_of_bounds_are_told_the_same() {
        for (flag, out_of_bounds) in [
            ("--rps", "0"),
            ("--time", "1e9"),
            ("--warm-up", "0"),
            ("--schedule x --time-scale", "0"),
            ("--timeout", "0"),
            ("--require-idle 5% --require-idle-within", "0"),
            ("--concurrency", "0"),
            ("--max-in-flight", "100001"),
        ] {
            let [no_number, out_of_bounds] =
                ["x", out_of_bounds].map(|value| expected(&format!("{flag} {value}")));
            assert_eq!(no_number, out_of_bounds, "{flag}");
            assert!(no_number.contains(" from "), "{no_number}");
        }
        assert_eq!(expected("--seed=-1"), "a number from 0 to 18446744073709551615");
        assert_eq!(expected("--warm-connections x"), "a number from 0 to that of --max-in-flight");
        assert_eq!(expected("--max-cost -1"), "a number of US dollars from 0");
        assert_eq!(expected("--max-cost 1 --expect-duration 0"), "seconds from 0.001 to 900");
    }
}
