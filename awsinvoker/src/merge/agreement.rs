//! Whether runs are those of all shards of one load at one time. Nothing here reads a file.

use std::time::Duration;

use run_record::run_info::{ServerClock, ShardInfo};
use run_record::{Shard, units};

use super::disagreement::{APART_NS, Disagreement};
use super::member::Member;

/// Checks that all shards are there, once each, that they loaded at the same time, and that their
/// clocks agree. They are in the order of their indices.
pub(super) fn check(members: &[Member]) -> Result<(), Disagreement> {
    for member in members {
        let (folder, ShardInfo { index, total, .. }) = (member.shard.folder.clone(), member.part);
        if Shard::new(index, total).is_none() {
            return Err(Disagreement::Bounds { folder, index, total });
        }
    }
    check_indices(members)?;
    check_times(members)?;
    check_clocks(members)
}

fn check_indices(members: &[Member]) -> Result<(), Disagreement> {
    for (first, second) in members.iter().zip(members.iter().skip(1)) {
        if first.part.index == second.part.index {
            let (index, [first, second]) =
                (first.part.index, [first, second].map(|it| it.shard.folder.clone()));
            return Err(Disagreement::Repeated { index, first, second });
        }
    }
    let total = members.first().map_or(1, |member| member.part.total);
    let is_there = |index: &u32| members.iter().any(|member| member.part.index == *index);
    match (0..total).find(|index| !is_there(index)) {
        Some(index) => Err(Disagreement::Missing { index, found: members.len(), total }),
        None => Ok(()),
    }
}

/// Every load has to overlap with every other one.
fn check_times(members: &[Member]) -> Result<(), Disagreement> {
    let end = |member: &&Member| member.started + Duration::from_nanos(member.end.window_ns);
    let early = members.iter().min_by_key(end);
    let late = members.iter().max_by_key(|member| member.started);
    let Some((early, late)) = early.zip(late) else { return Ok(()) };
    let gap = late.started.duration_since(end(&early));
    match gap {
        Ok(gap) if members.len() > 1 => {
            let [early, late] = [early, late].map(|member| member.shard.folder.clone());
            Err(Disagreement::Apart { early, late, seconds: format!("{:.3}", gap.as_secs_f64()) })
        }
        _ => Ok(()),
    }
}

/// The two clocks that are the furthest apart are that of which the server is ahead most, and that of which it is ahead least.
fn check_clocks(members: &[Member]) -> Result<(), Disagreement> {
    let clocks = || members.iter().filter_map(|member| Some((member, member.shard.clock.server.as_ref()?)));
    let behind = clocks().max_by_key(|(_, clock)| clock.ahead_min_ns);
    let ahead = clocks().min_by_key(|(_, clock)| clock.ahead_max_ns);
    let Some(((first, one), (second, other))) = behind.zip(ahead) else { return Ok(()) };
    let apart_ns = ServerClock::apart_ns(one, other);
    if apart_ns <= APART_NS {
        return Ok(());
    }
    let [first, second] = [first, second].map(|member| member.shard.folder.clone());
    Err(Disagreement::Clocks { first, second, seconds: seconds(apart_ns), address: one.address.clone() })
}

fn seconds(ns: u64) -> String {
    format!("{:.3}", units::s(ns))
}
