//! What `run.json` says of a merged run.

use run_record::RunInfo;
use run_record::circumstances::Circumstances;
use run_record::run_info::{End, Machine, Prewarm, WarmUp};

use super::disagreement::Disagreement;
use super::error::MergeError;
use super::member::Member;

/// Describes the run that these are merged to. What all have in common is that of the first, which is read again.
pub(super) fn merged(members: &[Member]) -> Result<RunInfo, MergeError> {
    let first = members.first().ok_or(Disagreement::Nothing)?;
    let mut info = first.info()?;
    let configuration = &mut info.configuration;
    configuration.shard = None;
    configuration.rps = Some(first.part.rps_together);
    configuration.expected_requests = Some(first.part.requests_together);
    configuration.max_in_flight = configuration.max_in_flight.saturating_mul(first.part.total);
    configuration.warm_up = members.iter().filter_map(|member| member.warm_up).reduce(warm_up);
    configuration.prewarm = members.iter().filter_map(|member| member.prewarm).reduce(prewarm);
    info.start = start(members);
    info.end = Some(end(members));
    info.machine = Machine { before: None, during: None, after: None, ..info.machine };
    info.merged_from = members.iter().map(|member| member.shard.clone()).collect();
    Ok(info)
}

/// The time that all shards were to start at, or without one the first of their starts.
fn start(members: &[Member]) -> String {
    let starts =
        members.iter().map(|member| member.shard.clock.start_at.as_ref().unwrap_or(&member.shard.start));
    starts.min().cloned().unwrap_or_default()
}

/// The end of all. What happened beside their calls stands with each.
fn end(members: &[Member]) -> End {
    let ends = || members.iter().map(|member| (&member.end, member.shard.offset_ns));
    let latest = |ns: fn(&End) -> u64| ends().map(|(end, offset_ns)| ns(end).saturating_add(offset_ns)).max();
    let sum = |count: fn(&End) -> u64| ends().map(|(end, _)| count(end)).fold(0, u64::saturating_add);
    let targets_are_known = ends().all(|(end, _)| end.target_rps.is_some());
    let together = members.first().map(|member| member.part.rps_together);
    End {
        time: ends().map(|(end, _)| end.time.clone()).max().unwrap_or_default(),
        issued: sum(|end| end.issued),
        target_rps: together.filter(|_| targets_are_known),
        window_ns: latest(|end| end.window_ns).unwrap_or(0),
        finished_ns: latest(|end| end.finished_ns).unwrap_or(0),
        interrupted_ns: None,
        sent_in_window: sum(|end| end.sent_in_window),
        wall_jump_ns: ends().map(|(end, _)| end.wall_jump_ns).max_by_key(|ns| ns.unsigned_abs()).unwrap_or(0),
        circumstances: Circumstances::default(),
        restarts: Vec::new(),
    }
}

fn warm_up(one: WarmUp, other: WarmUp) -> WarmUp {
    WarmUp {
        time_s: one.time_s.max(other.time_s),
        requests: one.requests.saturating_add(other.requests),
        failed: one.failed.saturating_add(other.failed),
    }
}

/// Several shards may have been answered by the same environments, so their number is not known.
fn prewarm(one: Prewarm, other: Prewarm) -> Prewarm {
    Prewarm {
        calls_per_endpoint: one.calls_per_endpoint.saturating_add(other.calls_per_endpoint),
        failed: one.failed.saturating_add(other.failed),
        environments: None,
    }
}
