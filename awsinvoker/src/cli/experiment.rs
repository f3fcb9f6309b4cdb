//! The command line of `awsinvoker experiment`.

use std::path::PathBuf;

use clap::Parser;

const EXIT_CODES: &str = "\
Exit codes are those of a run, and the worst of its runs decides: 0 complete, 1 failed, 2 the plan is wrong, 3 nothing \
succeeded, 4 a run is not valid, 5 a threshold is broken, 129, 130 and 143 interrupted. An experiment that was interrupted or \
killed goes on when the same command line is given again with its folder. docs/reference.md describes the plan.";

/// Compares systems as a plan says: makes its runs, and ends with their comparison.
#[derive(Clone, Debug, Parser)]
#[command(name = "awsinvoker experiment", version, after_help = EXIT_CODES)]
pub struct ExperimentArgs {
    /// The plan, a file in TOML
    #[arg(value_name = "PLAN")]
    pub plan: PathBuf,
    /// Folder for the experiment: new, empty, or that of the same plan, which then goes on where it ended [default:
    /// runs/TIME]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Tell how long it takes, how many requests it makes, what it costs, and how wide the intervals will be; then end
    #[arg(long)]
    pub estimate: bool,
    /// Compare the baseline with itself: each difference that is found is an error of the instrument
    #[arg(long)]
    pub a_a: bool,
}
