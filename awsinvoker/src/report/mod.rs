//! `awsinvoker report`: the results of runs again, computed from what is in their folders, as text and as a page. Of a run
//! that was killed, all that was written.

mod courses;
mod files;
mod missing;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use run_record::run_dir::{RunDir, RunDirError};
use run_record::run_info::LoadKind;
use run_record::summary::SumError;
use run_record::verdict::Reason;
use run_record::{RunInfo, Sample, Summary, Threshold, Warning};

use run_report::Page;
use run_report::data::Run;

use self::courses::Courses;
use crate::cli::ReportArgs;
use crate::recorded::Recorded;

/// The length of the windows that a comparison is made of, in seconds.
const WINDOW_S: f64 = 30.0;

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
    #[error("{}: cannot be written: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{}: the page cannot be made: {source}", path.display())]
    Page { path: PathBuf, source: run_report::PageError },
}

/// What a run comes to, from its folder.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) summary: Summary,
    /// What a complete run would have besides, in sentences.
    pub(crate) missing: Vec<String>,
    /// The length of the time in which requests were due, as far as it is known, in nanoseconds.
    pub(crate) window_ns: u64,
}

/// Prints the results of the runs in these folders to `out`, and what of them is missing; then writes the page and the charts
/// that were asked for.
///
/// # Errors
/// A `run.json` cannot be read, or something not be written.
pub fn report(args: &ReportArgs, out: &mut dyn Write) -> Result<(), ReportError> {
    let mut page = Page::new(&title(&args.folders), args.folders.len());
    for (index, folder) in args.folders.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        let run = run(folder)?;
        print(&run, folder, out)?;
        if args.html.is_some() || args.svg.is_some() {
            page.add(&run);
        }
    }
    if let Some(path) = &args.html {
        files::write_page(&page, path)?;
        writeln!(out, "page: {}", path.display())?;
    }
    if let Some(folder) = &args.svg {
        files::write_charts(&page, folder)?;
        writeln!(out, "charts: {}", folder.display())?;
    }
    Ok(())
}

/// The run in a folder, with its courses.
fn run(folder: &Path) -> Result<Run, ReportError> {
    let run_dir = RunDir::open(folder);
    let info = run_dir.read_info()?;
    let mut courses = Courses::new(&info);
    let Reading { summary, missing, .. } = read(&run_dir, &info, &mut |sample| courses.record(sample))?;
    let (slot_s, courses) = (courses.slot_s(), courses.finish());
    let folder = folder.display().to_string();
    Ok(Run { folder, info, summary, missing, courses, slot_s, window_s: WINDOW_S })
}

fn print(run: &Run, folder: &Path, out: &mut dyn Write) -> Result<(), ReportError> {
    writeln!(out, "{}", run_report::text(&run.summary))?;
    for what in &run.missing {
        writeln!(out, "missing: {what}")?;
    }
    writeln!(out, "results: {}", folder.display())?;
    Ok(())
}

fn title(folders: &[PathBuf]) -> String {
    match folders {
        [folder] => format!("Load test {}", folder.display()),
        _ => format!("{} load tests", folders.len()),
    }
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
    // They were read before the run, from the same texts.
    let thresholds: Vec<Threshold> =
        info.configuration.thresholds.iter().filter_map(|text| text.parse().ok()).collect();
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
