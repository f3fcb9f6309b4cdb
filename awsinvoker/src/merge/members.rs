//! The runs of all shards, read and checked.

use std::fs;
use std::path::{Path, PathBuf};

use run_record::run_dir::{RUN_JSON, RunDir};

use super::agreement;
use super::common::Common;
use super::disagreement::Disagreement;
use super::error::MergeError;
use super::member::Member;

/// Reads the runs in these folders, and checks that they are those of all shards of one load at one time. They are in the
/// order of their indices. What a shard left whose run did not end is passed over if the shard was made again.
pub(super) fn read_all(folders: &[PathBuf]) -> Result<Vec<Member>, MergeError> {
    let (mut members, mut unfinished, mut first) = (Vec::new(), Vec::new(), None::<Common>);
    for folder in runs(folders)? {
        let info = RunDir::open(&folder).read_info()?;
        let common = Common::new(&folder, &info);
        match Member::new(&folder, info) {
            Ok(member) => members.push(member),
            Err(Disagreement::NoEnd { folder, index }) => unfinished.push((folder, index)),
            Err(error) => return Err(error.into()),
        }
        match &first {
            Some(first) => first.check(&common)?,
            None => first = Some(common),
        }
    }
    members.sort_by_key(|member| member.shard.index);
    pass_over(unfinished, &members)?;
    agreement::check(&members)?;
    start_together(&mut members);
    for member in &mut members {
        let summary = member.run_dir().read_summary()?;
        (member.shard.verdict, member.shard.warnings) = (summary.verdict, summary.warnings);
    }
    Ok(members)
}

/// The folders of runs: these, and those in a folder that is no run itself.
pub(super) fn runs(folders: &[PathBuf]) -> Result<Vec<PathBuf>, MergeError> {
    let is_run = |folder: &Path| folder.join(RUN_JSON).exists();
    let mut runs = Vec::new();
    for folder in folders {
        if is_run(folder) {
            runs.push(folder.clone());
            continue;
        }
        let unreadable = |source| MergeError::Folder { path: folder.clone(), source };
        let mut inside = Vec::new();
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            inside.push(entry.map_err(unreadable)?.path());
        }
        inside.retain(|path| is_run(path));
        if inside.is_empty() {
            return Err(MergeError::NoRun(folder.clone()));
        }
        inside.sort();
        runs.append(&mut inside);
    }
    Ok(runs)
}

/// Checks that each shard whose run did not end was made again.
fn pass_over(unfinished: Vec<(String, u32)>, members: &[Member]) -> Result<(), Disagreement> {
    for (folder, index) in unfinished {
        let Some(again) = members.iter().find(|member| member.shard.index == index) else {
            return Err(Disagreement::NoEnd { folder, index });
        };
        tracing::warn!(
            "{folder} is passed over: shard {index} did not end there, and was made again in {}",
            again.shard.folder
        );
    }
    Ok(())
}

/// Notes how much later than the merged run each started: than the common `--start-at`, or without one than the first.
fn start_together(members: &mut [Member]) {
    let Some(first) = members.iter().map(|member| member.started).min() else { return };
    for member in members {
        let late = member.started.duration_since(first).unwrap_or_default();
        let late_ns = u64::try_from(late.as_nanos()).unwrap_or(u64::MAX);
        member.shard.offset_ns = member.shard.clock.late_ns.unwrap_or(late_ns);
    }
}
