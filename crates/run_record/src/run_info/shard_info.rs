//! What runs know of one another that send parts of one load.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ClockInfo, Machine, RunInfo};
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

impl RunInfo {
    /// That the run started late, or what is wrong with the shards that it was merged from.
    pub(crate) fn start_reasons(&self) -> Vec<Reason> {
        let shards = &self.merged_from;
        if shards.is_empty() {
            let late_ns = self.clock.late_ns.filter(|late_ns| *late_ns > 0);
            return late_ns.map(|ns| Reason::StartedLate { by_s: units::s(ns) }).into_iter().collect();
        }
        started_apart(shards).into_iter().chain(invalid_shards(shards)).collect()
    }

    /// That it is not known of the shards of a merged run how close together they started.
    pub(crate) fn clocks_not_kept(&self) -> Option<Warning> {
        let is_kept = |shard: &&MergedShard| shard.clock.time_service.synchronised == Some(true);
        let of = self.merged_from.len() as u64;
        let shards = of - self.merged_from.iter().filter(is_kept).count() as u64;
        (shards > 0).then_some(Warning::ClocksNotKept { shards, of })
    }
}

fn started_apart(shards: &[MergedShard]) -> Option<Reason> {
    let offsets_ns = shards.iter().map(|shard| shard.offset_ns);
    let apart_ns = offsets_ns.clone().max()? - offsets_ns.min()?;
    (apart_ns > APART_NS).then(|| Reason::StartedApart { by_s: units::s(apart_ns) })
}

fn invalid_shards(shards: &[MergedShard]) -> Option<Reason> {
    let mut invalid = shards.iter().filter(|shard| !shard.verdict.valid);
    let first = invalid.next()?;
    let reasons: Vec<_> = first.verdict.reasons.iter().map(ToString::to_string).collect();
    let (shards, reason) = (1 + invalid.count() as u64, reasons.join("; "));
    Some(Reason::InvalidShards { shards, first: first.index, reason })
}

#[cfg(test)]
mod tests {
    use super::super::test_run_info;
    use super::*;

    fn merged(offsets_ns: &[u64]) -> RunInfo {
        let mut info = test_run_info();
        let shard = |(index, offset_ns): (u32, &u64)| MergedShard {
            folder: index.to_string(),
            index,
            start: info.start.clone(),
            offset_ns: *offset_ns,
            issued: 1,
            clock: ClockInfo::default(),
            machine: info.machine.clone(),
            circumstances: Circumstances::default(),
            verdict: Verdict { valid: true, reasons: Vec::new() },
            warnings: Vec::new(),
        };
        info.merged_from = (0..).zip(offsets_ns).map(shard).collect();
        info
    }

    fn reasons(info: &RunInfo) -> Vec<String> {
        info.start_reasons().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_run_that_starts_late_is_not_valid() {
        let mut info = test_run_info();
        for in_time in [None, Some(0)] {
            info.clock.late_ns = in_time;
            assert_eq!(info.start_reasons(), []);
        }
        info.clock.late_ns = Some(1_500_000_000);
        insta::assert_snapshot!(reasons(&info).join("\n"), @"the run started 1.500 s later than --start-at asked for");
    }

    #[test]
    fn shards_that_start_apart_or_are_not_valid_make_no_valid_run() {
        assert_eq!(merged(&[7, 1_000_007]).start_reasons(), []);
        let mut info = merged(&[0, 0, 1_000_001]);
        info.merged_from[1].verdict.add(Reason::NothingSucceeded);
        info.merged_from[2].verdict.add(Reason::StartedLate { by_s: 0.001 });
        insta::assert_snapshot!(reasons(&info).join("\n"), @"
        the shards started up to 0.001 s apart: their loads together are not the one that was asked for
        2 shards are not valid, the first of them shard 1: not a single request succeeded
        ");
    }

    #[test]
    fn clocks_that_are_not_kept_are_counted() {
        let mut info = merged(&[0, 0, 0]);
        info.merged_from[1].clock.time_service.synchronised = Some(true);
        info.merged_from[2].clock.time_service.synchronised = Some(false);
        assert_eq!(info.clocks_not_kept(), Some(Warning::ClocksNotKept { shards: 2, of: 3 }));
        assert_eq!(test_run_info().clocks_not_kept(), None);
    }
}
