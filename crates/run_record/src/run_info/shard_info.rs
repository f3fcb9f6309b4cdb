//! What runs know of one another that send parts of one load.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::clock_info::ClockInfo;
use super::machine_info::Machine;
use crate::circumstances::Circumstances;
use crate::shard::Shard;
use crate::units;
use crate::verdict::{Reason, Verdict};
use crate::warning::Warning;

/// The starts of shards may lie so far apart: what is tolerated of the schedule lag.
const APART_NS: u64 = units::NS_PER_MS;

/// Which part of a common load a run sends. Its requests have the numbers that they have in the common schedule.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ShardInfo {
    /// Its index, from 0.
    pub index: u32,
    /// How many parts there are.
    pub total: u32,
    /// Rate that was asked for of all parts together, in requests a second: the mean if it changed.
    pub rps_together: f64,
    /// Number of requests of all parts together; with random arrivals only the expected number.
    pub requests_together: u64,
}

impl ShardInfo {
    /// The shard; `None` if there is no such one.
    pub fn shard(&self) -> Option<Shard> {
        Shard::new(self.index, self.total)
    }
}

/// What is kept of the run of a shard in the run that it was merged into.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct MergedShard {
    /// The folder of its run.
    pub folder: String,
    /// Its index, from 0.
    pub index: u32,
    /// The time in UTC at which it started, by its own clock.
    pub start: String,
    /// From the start of the merged run to its own start, in nanoseconds. Its times were moved by this.
    pub offset_ns: u64,
    /// Invocations that were due.
    pub issued: u64,
    /// Its clock.
    pub clock: ClockInfo,
    /// Its machine.
    pub machine: Machine,
    /// What happened beside its calls.
    pub circumstances: Circumstances,
    /// Whether its own numbers may be published.
    pub verdict: Verdict,
    /// Why its own numbers may mislead.
    pub warnings: Vec<Warning>,
}

/// That the shards started apart.
pub(super) fn started_apart(shards: &[MergedShard]) -> Option<Reason> {
    let offsets_ns = shards.iter().map(|shard| shard.offset_ns);
    let apart_ns = offsets_ns.clone().max()? - offsets_ns.min()?;
    (apart_ns > APART_NS).then(|| Reason::StartedApart { by_s: units::s(apart_ns) })
}

/// That shards are not valid by themselves.
pub(super) fn invalid_shards(shards: &[MergedShard]) -> Option<Reason> {
    let mut invalid = shards.iter().filter(|shard| !shard.verdict.valid);
    let first = invalid.next()?;
    let reasons: Vec<_> = first.verdict.reasons.iter().map(ToString::to_string).collect();
    let (shards, reason) = (1 + invalid.count() as u64, reasons.join("; "));
    Some(Reason::InvalidShards { shards, first: first.index, reason })
}
