//! What is wrong with runs that cannot be merged.

use run_record::units::{self, NS_PER_MS};

/// Clocks may be apart so far: servers of one address do not agree better.
pub(super) const APART_NS: u64 = 100 * NS_PER_MS;

/// Why runs cannot be merged: each is not, or all together are not, what they should be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Disagreement {
    #[error("there is no run, expected the folders of all shards")]
    Nothing,
    #[error("{0}: the run was made without --shard, so it is no part of a load")]
    NoShard(String),
    #[error(
        "{folder}: the run of shard {index} goes on, was ended early, or was killed; make the runs of all shards again"
    )]
    NoEnd { folder: String, index: u32 },
    #[error("{folder}: `start` of run.json is `{start}`, expected a time such as 2026-11-30T19:30:00.000Z")]
    Start { folder: String, start: String },
    #[error("{folder}: there is no shard {index} of {total}")]
    Bounds { folder: String, index: u32, total: u32 },
    #[error("{first} and {second} are both shard {index}; expected each shard once")]
    Repeated { index: u32, first: String, second: String },
    #[error(
        "{found} of {total} shards are there, the first that is missing is shard {index}; expected all of them"
    )]
    Missing { index: u32, found: usize, total: u32 },
    #[error("{key} is {one} in {first} and {other} in {second}; expected parts of one load")]
    Unlike { key: String, one: String, other: String, first: String, second: String },
    #[error(
        "{early} ended its load {seconds} s before {late} began; expected loads at the same time: an array that is throttled, \
         as by Slurm's `%`, cannot make one load together"
    )]
    Apart { early: String, late: String, seconds: String },
    #[error(
        "the clocks of {first} and {second} are at least {seconds} s apart by the clock of {address}; expected at most {most} s: \
         let a time service keep them",
        most = units::s(APART_NS)
    )]
    Clocks { first: String, second: String, seconds: String, address: String },
}
