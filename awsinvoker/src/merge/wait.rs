//! Waiting for the runs of all shards, so that a merge can be started together with them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use run_record::run_dir::{RunDir, SUMMARY_JSON};

use super::members;
use crate::clock::Clock;

/// The pause between two looks at the folders, which machines may share over a network.
const PAUSE: Duration = Duration::from_secs(1);

/// The runs that have ended.
#[derive(Debug, Default)]
struct Ended {
    /// The index of each, by its folder.
    shards: BTreeMap<PathBuf, u32>,
    /// How many shards send the load, as the runs tell.
    total: Option<u32>,
}

/// Waits until the runs of all shards in these folders have ended, but not longer than `within`. Whether they can be merged
/// is for the merge to say.
pub fn wait_for_shards(folders: &[PathBuf], within: Duration) {
    let deadline = Clock::starting_in(within);
    let mut ended = Ended::default();
    loop {
        ended.look(folders);
        let left = deadline.until_start();
        if ended.are_all() || left.is_zero() {
            return;
        }
        thread::sleep(left.min(PAUSE));
    }
}

impl Ended {
    /// Looks for runs that have ended since the last look. What cannot be read now may be complete at the next look.
    fn look(&mut self, folders: &[PathBuf]) {
        for folder in folders {
            for run in members::runs(std::slice::from_ref(folder)).unwrap_or_default() {
                if !self.shards.contains_key(&run) {
                    self.add(run);
                }
            }
        }
    }

    fn add(&mut self, folder: PathBuf) {
        let Some((index, total)) = ended_shard(&folder) else { return };
        self.shards.insert(folder, index);
        self.total = Some(total);
    }

    /// Whether each shard has ended. Where shards disagree about their number, the merge says so.
    fn are_all(&self) -> bool {
        let indices: BTreeSet<u32> = self.shards.values().copied().collect();
        self.total.is_some_and(|total| indices.len() >= total as usize)
    }
}

/// The index of the shard whose run in this folder has ended, and how many there are. The summary is written last of what a
/// merge reads.
fn ended_shard(folder: &Path) -> Option<(u32, u32)> {
    let info = RunDir::open(folder).read_info().ok()?;
    let has_ended = info.end.is_some_and(|end| end.interrupted_ns.is_none());
    let shard = info.configuration.shard?;
    (has_ended && folder.join(SUMMARY_JSON).exists()).then_some((shard.index, shard.total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_have_ended_when_each_index_has() {
        let mut ended = Ended::default();
        assert!(!ended.are_all(), "not even one is known");
        ended.total = Some(2);
        ended.shards.insert("a".into(), 1);
        ended.shards.insert("again".into(), 1);
        assert!(!ended.are_all(), "one shard was made twice");
        ended.shards.insert("b".into(), 0);
        assert!(ended.are_all());
    }
}
