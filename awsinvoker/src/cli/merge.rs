//! The command line of `awsinvoker merge`.

use std::path::PathBuf;

use clap::Parser;

use super::numbers::{WAIT, seconds_within};

/// Joins the runs of all shards of one load to one run, which reads like any other.
#[derive(Clone, Debug, Parser)]
#[command(name = "awsinvoker merge", version)]
pub struct MergeArgs {
    /// Folders of the shards' runs in any order, or a folder that holds them. What a shard left that was killed is passed over
    /// if the shard was made again
    #[arg(value_name = "DIR", required = true)]
    pub folders: Vec<PathBuf>,
    /// Folder for the joined run, new or empty
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Wait until the runs of all shards have ended, but not longer than this, and merge then. A merge can so be started
    /// together with the shards
    #[arg(long, value_name = "SECONDS", value_parser = seconds_within(WAIT, 1.0..=604_800.0))]
    pub wait: Option<f64>,
}
