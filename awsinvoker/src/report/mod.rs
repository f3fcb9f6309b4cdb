//! `awsinvoker report`: the result of a run again, computed from what is in its folder. Of a run that was killed, all that
//! was written.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::Path;

use run_record::format::samples_csv;
use run_record::names::file_names;
use run_record::run_dir::{LATENCY_HLOG, RunDir, RunDirError, SAMPLES_CSV, SUMMARY_JSON};
use run_record::run_info::LoadKind;
use run_record::summary::{Course, SumError};
use run_record::verdict::Reason;
use run_record::{Outcome, RunInfo, Sample, Summary, Threshold, Totals, Warning, units};

/// Why a result cannot be computed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum ReportError {
    #[error(transparent)]
    RunDir(#[from] RunDirError),
    #[error(transparent)]
    Sum(#[from] SumError),
    #[error("stdout: {0}")]
    Output(#[from] io::Error),
}

/// What the samples of a run come to.
#[derive(Debug)]
struct Recorded {
    totals: Totals,
    /// One more than the greatest number of a request.
    numbers: u64,
    last_done_ns: u64,
    window_ns: u64,
    sent_in_window: u64,
    /// What is wrong with the file, from which nothing was read after that.
    damage: Option<String>,
}

/// Prints the result of the run in this folder to `out`, and what of it is missing.
///
/// # Errors
/// `run.json` cannot be read, or `out` not be written.
pub fn report(folder: &Path, out: &mut dyn Write) -> Result<(), ReportError> {
    let run_dir = RunDir::open(folder);
    let info = run_dir.read_info()?;
    let recorded = read(&run_dir, &info);
    // They were read before the run, from the same texts.
    let thresholds: Vec<Threshold> =
        info.configuration.thresholds.iter().filter_map(|text| text.parse().ok()).collect();
    let mut summary = Summary::new(&recorded.course(&info, &thresholds), &recorded.totals)?;
    // The samples do not hold the causes of failures.
    if let Ok(published) = run_dir.read_summary()
        && published.issued == summary.issued
    {
        summary.failures = published.failures;
    }
    summary.warnings.extend(info.disturbance());
    if let Some(reason) = recorded.gap(&info) {
        summary.verdict.add(reason);
    }
    if info.configuration.load == LoadKind::Open {
        // The target of what is known of a run is not known, but the loop is not closed.
        summary.warnings.retain(|warning| *warning != Warning::ClosedLoop);
    }
    writeln!(out, "{}", run_report::text(&summary))?;
    for what in missing(&run_dir, &info, &recorded) {
        writeln!(out, "missing: {what}")?;
    }
    writeln!(out, "results: {}", folder.display())?;
    Ok(())
}

/// Reads all samples that can be read.
fn read(run_dir: &RunDir, info: &RunInfo) -> Recorded {
    let planned_ns = units::ns_from_s(info.configuration.time_s);
    let mut recorded = Recorded {
        totals: Totals::new(info.configuration.endpoints.len()),
        numbers: 0,
        last_done_ns: 0,
        window_ns: info.end.as_ref().map_or(planned_ns, |end| end.window_ns),
        sent_in_window: 0,
        damage: None,
    };
    recorded.damage = match run_dir.samples(info) {
        Ok(samples) => recorded.record_all(samples),
        Err(error) => Some(error.to_string()),
    };
    // What is known of a run that was killed ends with its last sample, so its window does.
    if recorded.gap(info).is_some() {
        recorded.window_ns = recorded.window_ns.min(recorded.last_done_ns);
    }
    recorded
}

impl Recorded {
    /// Returns what is wrong with the file.
    fn record_all(&mut self, mut samples: samples_csv::Reader<BufReader<File>>) -> Option<String> {
        for sample in samples.by_ref() {
            match sample {
                Ok(sample) => self.record(&sample),
                Err(error) => return Some(format!("{SAMPLES_CSV} from here on: {error}")),
            }
        }
        samples.is_cut_off().then(|| format!("the end of the last line of {SAMPLES_CSV}, which is left out"))
    }

    fn record(&mut self, sample: &Sample) {
        self.totals.record(sample);
        self.numbers = self.numbers.max(sample.arrival.sequence.saturating_add(1));
        if let Some(timing) = sample.timing {
            self.last_done_ns = self.last_done_ns.max(timing.done_ns);
            self.sent_in_window += u64::from(timing.issued_ns < self.window_ns);
        }
    }

    /// Why this is not all of the run.
    fn gap(&self, info: &RunInfo) -> Option<Reason> {
        let samples = self.totals.samples();
        match &info.end {
            None => Some(Reason::Incomplete { requests: None }),
            Some(end) if end.issued == samples => None,
            Some(end) => Some(Reason::Incomplete { requests: end.issued.checked_sub(samples) }),
        }
    }

    fn course<'a>(&self, info: &'a RunInfo, thresholds: &'a [Threshold]) -> Course<'a> {
        let endpoints = info.configuration.endpoints.iter();
        // A run that was stopped by a signal counted some samples before it knew the end of its window.
        let end = info.end.as_ref().filter(|end| end.issued == self.totals.samples());
        Course {
            endpoints: endpoints.map(|endpoint| (endpoint.name.as_str(), endpoint.asynchronous)).collect(),
            target_rps: end.and_then(|end| end.target_rps),
            issued: self.totals.samples(),
            window_ns: self.window_ns,
            interrupted_ns: info.end.as_ref().and_then(|end| end.interrupted_ns),
            sent_in_window: end.map_or(self.sent_in_window, |end| end.sent_in_window),
            wall_jump_ns: info.end.as_ref().map_or(0, |end| end.wall_jump_ns),
            thresholds,
        }
    }
}

/// What a complete run would have in its folder.
fn missing(run_dir: &RunDir, info: &RunInfo, recorded: &Recorded) -> Vec<String> {
    let (samples, mut missing) = (recorded.totals.samples(), Vec::new());
    if info.end.is_none() {
        missing.push("the end of the run: it goes on, was killed, or could not be saved".to_owned());
    }
    missing.extend(recorded.damage.clone());
    let issued = info.end.as_ref().map_or(recorded.numbers, |end| end.issued);
    if issued > samples {
        let of = if info.end.is_some() { "" } else { "known " };
        missing.push(format!(
            "{} of {issued} {of}requests, which have no line in {SAMPLES_CSV}",
            issued - samples
        ));
    }
    missing.extend(log_damage(run_dir));
    let names: Vec<_> =
        file_names(&info.endpoint_names()).into_iter().map(|name| format!("{name}.hgrm")).collect();
    let has_success = |endpoint: usize| recorded.totals.endpoints[endpoint].outcome(Outcome::Ok) > 0;
    let distributions = names.iter().enumerate().filter(|(endpoint, _)| has_success(*endpoint));
    for name in std::iter::once(SUMMARY_JSON).chain(distributions.map(|(_, name)| name.as_str())) {
        if !run_dir.path().join(name).exists() {
            missing.push(name.to_owned());
        }
    }
    missing
}

/// What is wrong with the log of the intervals.
fn log_damage(run_dir: &RunDir) -> Option<String> {
    let mut intervals = match run_dir.intervals() {
        Ok(intervals) => intervals,
        Err(error) => return Some(error.to_string()),
    };
    match intervals.by_ref().find_map(Result::err) {
        Some(error) => Some(format!("{LATENCY_HLOG} from here on: {error}")),
        None => intervals
            .is_cut_off()
            .then(|| format!("the end of the last line of {LATENCY_HLOG}, which is left out by its readers")),
    }
}
