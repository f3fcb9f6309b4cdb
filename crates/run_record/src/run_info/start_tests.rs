//! What the starts of shards say of a run.

use super::*;
use crate::verdict::Verdict;

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
