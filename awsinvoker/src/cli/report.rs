//! The command line of `awsinvoker report`.

use std::path::PathBuf;

use clap::Parser;

/// Prints the results of runs again, computed from what is in their folders, and makes a page and charts of them. Of a
/// run that was killed, that is all that was written, and what is missing is said.
#[derive(Clone, Debug, Parser)]
#[command(name = "awsinvoker report", version)]
pub struct ReportArgs {
    /// Folders of runs
    #[arg(value_name = "DIR", required = true)]
    pub folders: Vec<PathBuf>,
    /// Write a page for a browser to this file. It needs no other file and no network
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Write each chart of the page to this folder, as SVG as wide as a column of a paper, with its data as CSV
    #[arg(long, value_name = "DIR")]
    pub svg: Option<PathBuf>,
}
