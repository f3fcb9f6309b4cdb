//! Whether runs are those of all shards of one load at one time. Nothing here reads a file.

use std::path::Path;
use std::time::Duration;

use run_record::run_info::{ServerClock, ShardInfo};
use run_record::units::{self, NS_PER_MS};
use run_record::{RunInfo, Shard};
use serde_json::{Value, json};

use super::member::Member;

/// Clocks may be apart so far: servers of one address do not agree better.
const APART_NS: u64 = 100 * NS_PER_MS;
/// A longer value is cut in messages.
const MAX_VALUE_CHARS: usize = 120;

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

/// What the runs of all shards have in common.
#[derive(Debug)]
pub(super) struct Common {
    folder: String,
    value: Value,
}

impl Common {
    /// What the run in this folder should have in common with the others.
    pub(super) fn new(folder: &Path, info: &RunInfo) -> Self {
        let mut value = json!({
            "configuration": info.configuration,
            "start_at": info.clock.start_at,
            "versions": info.versions,
            "build": info.build,
            "prices": info.prices,
        });
        forget_own(&mut value["configuration"]);
        for (index, endpoint) in info.configuration.endpoints.iter().enumerate() {
            // As it is written: numbers may have more digits than a value keeps.
            value["configuration"]["endpoints"][index]["payload"] = Value::from(endpoint.payload.get());
        }
        Self { folder: folder.display().to_string(), value }
    }

    /// Checks that another run has the same.
    pub(super) fn check(&self, other: &Self) -> Result<(), Disagreement> {
        let Some((key, one, other_value)) = difference(&self.value, &other.value, "") else { return Ok(()) };
        let text = |value: &Value| crate::text::shortened(&value.to_string(), MAX_VALUE_CHARS);
        Err(Disagreement::Unlike {
            key,
            one: text(one),
            other: text(other_value),
            first: self.folder.clone(),
            second: other.folder.clone(),
        })
    }
}

/// Removes what is each run's own: its part, where it found its files, and what came of its calls before the run.
fn forget_own(configuration: &mut Value) {
    let own = [
        "/shard/index",
        "/rps",
        "/expected_requests",
        "/endpoints_file/path",
        "/schedule/path",
        "/warm_up/requests",
        "/warm_up/failed",
        "/warm_up/time_s",
        "/prewarm/failed",
        "/prewarm/environments",
    ];
    for pointer in own {
        configuration.pointer_mut(pointer).map(Value::take);
    }
    for endpoint in configuration["endpoints"].as_array_mut().into_iter().flatten() {
        endpoint["preflight"].take();
    }
}

/// Where two values differ first, and what is there.
fn difference<'a>(one: &'a Value, other: &'a Value, key: &str) -> Option<(String, &'a Value, &'a Value)> {
    let below = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    match (one, other) {
        (Value::Object(of_one), Value::Object(of_other)) => {
            let names = of_one.keys().chain(of_other.keys().filter(|name| !of_one.contains_key(*name)));
            names.map(|name| difference(&one[name], &other[name], &below(name))).find_map(|found| found)
        }
        (Value::Array(of_one), Value::Array(of_other)) if of_one.len() == of_other.len() => {
            let pairs = of_one.iter().zip(of_other).enumerate();
            pairs
                .map(|(index, (one, other))| difference(one, other, &below(&index.to_string())))
                .find_map(|found| found)
        }
        _ => (one != other).then(|| (key.to_owned(), one, other)),
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named_by_its_place() {
        let one = json!({ "a": [1, { "b": null }], "c": 1 });
        let found = |other: Value| difference(&one, &other, "").map(|(key, ..)| key);
        assert_eq!(found(one.clone()), None);
        assert_eq!(found(json!({ "a": [1, { "b": 2 }], "c": 2 })).as_deref(), Some("a.1.b"));
        assert_eq!(found(json!({ "a": [1, { "b": null }] })).as_deref(), Some("c"));
        assert_eq!(found(json!({ "a": [1], "c": 1 })).as_deref(), Some("a"));
        assert_eq!(found(json!({ "a": [1, { "b": null }], "c": 1, "d": 1 })).as_deref(), Some("d"));
    }

    #[test]
    fn what_is_each_shards_own_is_not_compared() {
        let configuration = |index: u32, failed: u64, seed: u64| {
            let mut value = json!({
                "shard": { "index": index, "total": 2 }, "seed": seed, "rps": f64::from(index), "prewarm": null,
                "warm_up": { "time_s": 1.0, "requests": index, "failed": failed },
                "endpoints": [{ "name": "f", "preflight": { "cold": index == 0 } }],
            });
            forget_own(&mut value);
            value
        };
        assert_eq!(configuration(0, 0, 7), configuration(1, 3, 7));
        assert_ne!(configuration(0, 0, 7), configuration(0, 0, 8));
    }
}
