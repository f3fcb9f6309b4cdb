//! The run of one shard, reduced to what merging needs: payloads and preflights of a thousand shards would fill the memory.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use run_record::run_dir::RunDir;
use run_record::run_info::{End, MergedShard, Prewarm, ShardInfo, WarmUp};
use run_record::verdict::Verdict;
use run_record::{OwnRequests, RunInfo, wall_clock};

use super::disagreement::Disagreement;
use super::error::MergeError;

/// The run of one shard.
#[derive(Clone, Debug)]
pub(super) struct Member {
    folder: PathBuf,
    /// What is kept of it in the merged run.
    pub(super) shard: MergedShard,
    /// Its part of the common load.
    pub(super) part: ShardInfo,
    /// Its requests among those of all.
    pub(super) own: OwnRequests,
    pub(super) end: End,
    pub(super) warm_up: Option<WarmUp>,
    pub(super) prewarm: Option<Prewarm>,
    /// When it started, by its own clock, to the millisecond.
    pub(super) started: SystemTime,
}

impl Member {
    /// The run in this folder.
    ///
    /// # Errors
    /// It is not that of a shard, or did not end.
    pub(super) fn new(folder: &Path, info: RunInfo) -> Result<Self, Disagreement> {
        let text = folder.display().to_string();
        let part = info.configuration.shard.ok_or_else(|| Disagreement::NoShard(text.clone()))?;
        let end = info.end.filter(|end| end.interrupted_ns.is_none());
        let end = end.ok_or_else(|| Disagreement::NoEnd { folder: text.clone(), index: part.index })?;
        let started = wall_clock::from_rfc3339(&info.start)
            .ok_or_else(|| Disagreement::Start { folder: text.clone(), start: info.start.clone() })?;
        Ok(Self {
            folder: folder.to_owned(),
            part,
            own: info.configuration.own_requests(),
            warm_up: info.configuration.warm_up,
            prewarm: info.configuration.prewarm,
            started,
            shard: MergedShard {
                folder: text,
                index: part.index,
                start: info.start,
                offset_ns: 0,
                issued: end.issued,
                clock: info.clock,
                machine: info.machine,
                circumstances: end.circumstances.clone(),
                verdict: Verdict { valid: true, reasons: Vec::new() },
                warnings: Vec::new(),
            },
            end,
        })
    }

    /// The folder of its run.
    pub(super) fn run_dir(&self) -> RunDir {
        RunDir::open(&self.folder)
    }

    /// The file of this name in its folder, for messages.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// How it was made.
    pub(super) fn info(&self) -> Result<RunInfo, MergeError> {
        Ok(self.run_dir().read_info()?)
    }
}
