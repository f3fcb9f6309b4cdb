//! What a complete run would have in its folder.

use run_record::names::file_names;
use run_record::run_dir::{LATENCY_HLOG, RunDir, RunDirError, SAMPLES_CSV, SUMMARY_JSON};
use run_record::units::counted;
use run_record::{Outcome, RunInfo, Summary};

use crate::recorded::Recorded;

/// All that is missing of a run, in sentences. `summary` is what its samples come to, and `published` what it
/// published.
pub(super) fn missing(
    run_dir: &RunDir,
    info: &RunInfo,
    recorded: &Recorded,
    summary: &Summary,
    published: Result<Summary, RunDirError>,
) -> Vec<String> {
    let (samples, mut missing) = (recorded.totals.samples(), Vec::new());
    if info.end.is_none() {
        missing.push("the end of the run: it goes on, was killed, or could not be saved".to_owned());
    }
    missing.extend(recorded.damage());
    let issued = info.end.as_ref().map_or(recorded.numbers, |end| end.issued);
    if issued > samples {
        let of = if info.end.is_some() { "" } else { "known " };
        missing.push(format!(
            "{} of {issued} {of}requests, which have no line in {SAMPLES_CSV}",
            issued - samples
        ));
    }
    missing.extend(log_damage(run_dir));
    if !run_dir.path().join(SUMMARY_JSON).exists() {
        missing.push(SUMMARY_JSON.to_owned());
    } else {
        missing.extend(disagreement(info, recorded.numbers, summary, published));
    }
    let names: Vec<_> =
        file_names(&info.endpoint_names()).into_iter().map(|name| format!("{name}.hgrm")).collect();
    let has_success = |endpoint: usize| recorded.totals.endpoints[endpoint].outcome(Outcome::Ok) > 0;
    let distributions = names.into_iter().enumerate().filter(|(endpoint, _)| has_success(*endpoint));
    missing.extend(distributions.map(|(_, name)| name).filter(|name| !run_dir.path().join(name).exists()));
    missing
}

/// What is wrong with the summary that was published. The samples have numbers below `numbers`.
fn disagreement(
    info: &RunInfo,
    numbers: u64,
    summary: &Summary,
    published: Result<Summary, RunDirError>,
) -> Option<String> {
    let published = match published {
        Ok(published) => published,
        Err(error) => return Some(format!("the causes of failures: {error}")),
    };
    let requests = counted(published.issued, "request");
    let is_of_other = match &info.end {
        Some(end) => end.issued != published.issued,
        None => published.issued < numbers,
    };
    if is_of_other {
        return Some(format!("a {SUMMARY_JSON} of this run: the one that is there is about {requests}"));
    }
    if summary.issued != published.issued && info.end.is_none() {
        return Some(format!(
            "whether {SUMMARY_JSON} is of this run: it is about {requests}, and {SAMPLES_CSV} has {}",
            summary.issued
        ));
    }
    // Of a part of the samples, other counts are no wonder.
    let pairs = summary.endpoints.iter().zip(&published.endpoints);
    let differs = summary.issued == published.issued
        && (summary.endpoints.len() != published.endpoints.len()
            || pairs.into_iter().any(|(read, published)| read.outcomes != published.outcomes));
    differs.then(|| format!("whether {SAMPLES_CSV} or {SUMMARY_JSON} is right: they count other outcomes"))
}

/// What is wrong with the log of the intervals.
fn log_damage(run_dir: &RunDir) -> Option<String> {
    let mut intervals = match run_dir.intervals() {
        Ok(intervals) => intervals,
        Err(error) => return Some(error.to_string()),
    };
    let mut damaged = intervals.by_ref().filter_map(Result::err);
    match damaged.next() {
        Some(first) => {
            let lines = counted(1 + damaged.count() as u64, "damaged line");
            Some(format!("{lines} of {LATENCY_HLOG}, the first of them {first}"))
        }
        None => intervals
            .is_cut_off()
            .then(|| format!("the end of the last line of {LATENCY_HLOG}, which is left out by its readers")),
    }
}
