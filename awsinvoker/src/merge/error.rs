//! Why runs cannot be merged.

use std::io;
use std::path::PathBuf;

use run_record::format::FormatError;
use run_record::run_dir::RunDirError;
use run_record::sink::SinkError;
use run_record::summary::SumError;

use super::disagreement::Disagreement;

/// Why runs cannot be merged.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum MergeError {
    #[error(transparent)]
    RunDir(#[from] RunDirError),
    #[error(transparent)]
    Disagreement(#[from] Disagreement),
    #[error("{}: cannot be used as a folder of runs: {source}", path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error("{}: there is no run in it, expected the folder of a run, or of runs", .0.display())]
    NoRun(PathBuf),
    #[error("{}: request {sequence} is not of shard {index}, or another line has it, too; make the runs of all shards again", path.display())]
    Stranger { path: PathBuf, sequence: u64, index: u32 },
    #[error("{}: it has {found} of {expected} requests; make the runs of all shards again", path.display())]
    Incomplete { path: PathBuf, found: u64, expected: u64 },
    #[error("{}: an interval begins at {start_s} s, expected one before the end of the run at {finished_s} s; make the runs of all shards again", path.display())]
    LateInterval { path: PathBuf, start_s: f64, finished_s: f64 },
    #[error("request {0} is in none of the runs: they are not parts of one schedule")]
    Gap(u64),
    #[error(transparent)]
    Sum(#[from] SumError),
    #[error(transparent)]
    Format(#[from] FormatError),
    #[error(transparent)]
    Sink(#[from] SinkError),
}
