//! What a run comes to, computed from what is in its folder. Of a run that was killed, all that was written.

mod missing;

use run_record::run_dir::{RunDir, RunDirError};
use run_record::run_info::LoadKind;
use run_record::summary::SumError;
use run_record::verdict::Reason;
use run_record::{RunInfo, Sample, Summary, Threshold, Warning};

use crate::recorded::Recorded;

/// What a run comes to, from its folder.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) summary: Summary,
    /// What a complete run would have besides, in sentences.
    pub(crate) missing: Vec<String>,
    /// The length of the time in which requests were due, as far as it is known, in nanoseconds.
    pub(crate) window_ns: u64,
}

/// Reads what is in the folder of a run once, and shows each sound sample to `visit`.
///
/// # Errors
/// The samples contradict each other.
pub(crate) fn read(
    run_dir: &RunDir,
    info: &RunInfo,
    visit: &mut dyn FnMut(&Sample),
) -> Result<Reading, SumError> {
    let recorded = Recorded::read(run_dir, info, visit);
    let (summary, published) = summed(run_dir, info, &recorded)?;
    let missing = missing::missing(run_dir, info, &recorded, &summary, published);
    Ok(Reading { summary, missing, window_ns: recorded.window_ns })
}

/// What the samples come to, and what was published of the run.
fn summed(
    run_dir: &RunDir,
    info: &RunInfo,
    recorded: &Recorded,
) -> Result<(Summary, Result<Summary, RunDirError>), SumError> {
    let thresholds = Threshold::of_run(&info.configuration);
    let mut summary = Summary::new(&recorded.course(info, &thresholds), &recorded.totals)?;
    let published = run_dir.read_summary();
    // The samples do not hold the causes of failures.
    if let Ok(published) = &published
        && published.issued == summary.issued
    {
        summary.failures = published.failures.clone();
    }
    summary.complete(info, &recorded.totals);
    if recorded.has_gap(info) {
        // Those of which nothing is known may have succeeded.
        summary.verdict.reasons.retain(|reason| *reason != Reason::NothingSucceeded);
    }
    recorded.reasons(info).into_iter().for_each(|reason| summary.verdict.add(reason));
    if info.configuration.load == LoadKind::Open {
        // The target of what is known of a run is not known, but the loop is not closed.
        summary.warnings.retain(|warning| *warning != Warning::ClosedLoop);
    }
    Ok((summary, published))
}
