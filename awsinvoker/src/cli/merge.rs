//! The command line of `awsinvoker merge`.

use std::path::PathBuf;

use clap::Parser;

/// Joins the runs of all shards of one load to one run, which reads like any other.
#[derive(Clone, Debug, Parser)]
#[command(name = "awsinvoker merge", version)]
pub struct MergeArgs {
    /// Folders of the shards' runs, in any order
    #[arg(value_name = "DIR", required = true)]
    pub folders: Vec<PathBuf>,
    /// Folder for the joined run, new or empty
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}
