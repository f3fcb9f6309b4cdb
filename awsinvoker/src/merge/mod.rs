//! `awsinvoker merge`: one run from the runs of shards. Nothing is averaged: samples are joined, and histograms added.
//!
//! Everything is read one piece at a time, so that a thousand shards take little memory. What the shards have in common is
//! checked before anything is written.

mod agreement;
mod common;
mod description;
mod disagreement;
mod error;
mod intervals;
mod member;
mod members;
mod samples;
mod wait;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use run_record::format::{hgrm, json};
use run_record::names::file_names;
use run_record::run_dir::{RUN_JSON, RunDir, SUMMARY_JSON};
use run_record::summary::{Course, SumError};
use run_record::{RunInfo, Summary, Threshold, Totals, View};

use crate::clock::wall_now;
use crate::load::allow_files;
use crate::run::{Ending, ending, say};
pub use error::MergeError;
use member::Member;
pub use wait::wait_for_shards;

/// Merges the runs in these folders to one in the folder `out`, and prints its result to `printed`. Returns how the run
/// ended, as if it had been made by one load generator.
///
/// # Errors
/// The runs are not those of all shards of one load at one time, they are damaged, or a file cannot be read or written.
/// Nothing is left in `out` then.
pub fn merge(folders: &[PathBuf], out: &Path, printed: &mut dyn Write) -> Result<Ending, MergeError> {
    let members = members::read_all(folders)?;
    let info = description::merged(&members)?;
    allow_files(members.len());
    let run_dir = RunDir::create(Some(out), wall_now())?;
    let summary = write(&members, &info, &run_dir);
    if summary.is_err() {
        discard(&run_dir);
    }
    let summary = summary?;
    say(printed, &format!("{}\nresults: {}", run_report::text(&summary), out.display()));
    Ok(ending(&summary))
}

/// Writes `run.json` last: without it, the folder is no run.
fn write(members: &[Member], info: &RunInfo, run_dir: &RunDir) -> Result<Summary, MergeError> {
    let totals = samples::join(members, info, run_dir)?;
    intervals::add(members, run_dir)?;
    let mut summary = summary(info, &totals)?;
    for member in members {
        summary.failures.merge(member.run_dir().read_summary()?.failures, member.shard.offset_ns);
    }
    for (name, endpoint) in file_names(&info.endpoint_names()).iter().zip(&totals.endpoints) {
        if let Some(distribution) = hgrm::Distribution::new(&endpoint.view(View::Response)) {
            run_dir.write(&format!("{name}.hgrm"), distribution.to_string().as_bytes())?;
        }
    }
    run_dir.write(SUMMARY_JSON, &json::write(&summary)?)?;
    run_dir.write(RUN_JSON, &json::write(info)?)?;
    Ok(summary)
}

fn summary(info: &RunInfo, totals: &Totals) -> Result<Summary, SumError> {
    let thresholds = Threshold::of_run(&info.configuration);
    let mut summary = Summary::new(&Course::of_run(info, &thresholds), totals)?;
    // The samples do not hold the causes of failures, which come from the results of the shards.
    summary.failures = Default::default();
    summary.complete(info, totals);
    Ok(summary)
}

/// Removes what was written of a run that could not be completed: all files of the folder, which was empty before.
fn discard(run_dir: &RunDir) {
    for entry in fs::read_dir(run_dir.path()).into_iter().flatten().flatten() {
        // What cannot be removed does no harm: it is no run.
        let _ = fs::remove_file(entry.path());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_merge_that_failed_late_the_folder_can_be_used_again() {
        let parent = tempfile::tempdir().unwrap();
        let create = || RunDir::create(Some(parent.path()), wall_now());
        let run_dir = create().unwrap();
        for name in ["samples.csv", "latency.hlog", "f.hgrm", SUMMARY_JSON] {
            run_dir.write(name, b"").unwrap();
        }
        assert!(create().is_err());
        discard(&run_dir);
        assert!(create().is_ok());
    }
}
