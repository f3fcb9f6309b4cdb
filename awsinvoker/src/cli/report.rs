//! The command line of `awsinvoker report`.

use std::path::PathBuf;

use clap::Parser;

/// Prints the result of a run again, computed from what is in its folder. Of a run that was killed, that is all that was
/// written, and what is missing is said.
#[derive(Clone, Debug, Parser)]
#[command(name = "awsinvoker report", version)]
pub struct ReportArgs {
    /// Folder of the run
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}
