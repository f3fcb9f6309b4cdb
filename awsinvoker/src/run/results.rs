//! Where the results of a run go, and what is saved and printed once its load is over.

use std::io::Write;

use run_record::circumstances::Circumstances;
use run_record::format::tools::{FinishedRun, ToolFormat};
use run_record::format::{hgrm, json};
use run_record::names::file_names;
use run_record::run_dir::{RUN_JSON, RunDir, SUMMARY_JSON};
use run_record::run_info::{End, RunInfo};
use run_record::sink::{Sink, SinkError};
use run_record::{Summary, View, wall_clock};

use super::ending::{Ending, ending};
use super::error::RunError;
use super::lines::say;
use crate::clock::{Clock, wall_now};
use crate::load::Interrupted;
use crate::observe::{PartialFile, Tally};
use crate::plan::Plan;

/// The folder of a run and the file of latencies, both new.
pub(super) struct Files {
    pub(super) run_dir: RunDir,
    pub(super) latency_file: PartialFile,
    pub(super) latency_sink: Sink,
}

impl Files {
    /// A start that fails leaves nothing behind that would be in the way of the next.
    pub(super) fn create(plan: &Plan) -> Result<Self, RunError> {
        let latency_file = PartialFile::new(&plan.latency_file);
        let latency_sink = latency_file
            .create()
            .map_err(|source| RunError::LatencyFile { path: latency_file.path().to_owned(), source })?;
        match RunDir::create(plan.out.as_deref(), wall_now()) {
            Ok(run_dir) => Ok(Self { run_dir, latency_file, latency_sink }),
            Err(error) => {
                latency_file.discard();
                Err(error.into())
            }
        }
    }
}

/// What is known when a load is over.
pub(super) struct Over {
    pub(super) clock: Clock,
    pub(super) wall_jump_ns: i64,
    pub(super) target_rps: Option<f64>,
    pub(super) interrupted: Option<Interrupted>,
    pub(super) tally: Tally,
    /// Which outputs could not be written.
    pub(super) failures: Vec<SinkError>,
}

impl Over {
    /// The end of the run, but for what happened beside its calls.
    pub(super) fn end(&self) -> End {
        let Self { tally, target_rps, interrupted, wall_jump_ns, .. } = self;
        End {
            time: wall_clock::rfc3339(wall_now()),
            issued: tally.issued,
            target_rps: *target_rps,
            window_ns: tally.window_end_ns,
            finished_ns: tally.finished_ns,
            interrupted_ns: interrupted.map(|interrupted| interrupted.at_ns),
            sent_in_window: tally.sent_in_window,
            wall_jump_ns: *wall_jump_ns,
            circumstances: Circumstances::default(),
            restarts: Vec::new(),
        }
    }
}

/// Saves and prints what a load came to.
pub(super) fn publish(
    plan: &Plan,
    info: &RunInfo,
    over: Over,
    run_dir: &RunDir,
    latency_file: PartialFile,
    out: &mut dyn Write,
) -> Result<Ending, RunError> {
    let Over { clock, wall_jump_ns, target_rps, interrupted, tally, failures } = over;
    let endpoints = &plan.endpoints.list;
    let mut summary = tally.summary(endpoints, target_rps, interrupted, wall_jump_ns, &plan.thresholds)?;
    summary.complete(info, &tally.totals);
    let saved = save(run_dir, latency_file, info, &tally, &summary, &failures);
    let finished = FinishedRun { start: clock.start(), info, summary: &summary, totals: &tally.totals };
    let formatted = save_formats(run_dir, &plan.tool_formats, &finished);
    say(out, &format!("{}\nresults: {}", run_report::text(&summary), run_dir.path().display()));
    saved?;
    formatted?;
    Ok(interrupted.map_or_else(|| ending(&summary), |interrupted| Ending::Interrupted(interrupted.by)))
}

/// Writes all that is written at the end. A file that fails does not keep the others from being written.
fn save(
    run_dir: &RunDir,
    latency_file: PartialFile,
    info: &RunInfo,
    tally: &Tally,
    summary: &Summary,
    failures: &[SinkError],
) -> Result<(), RunError> {
    let mut failures: Vec<String> = failures.iter().map(SinkError::to_string).collect();
    let mut keep =
        |result: Result<(), RunError>| failures.extend(result.err().map(|error| error.to_string()));
    keep(json::write(info).map_err(RunError::from).and_then(|json| Ok(run_dir.write(RUN_JSON, &json)?)));
    keep(
        json::write(summary).map_err(RunError::from).and_then(|json| Ok(run_dir.write(SUMMARY_JSON, &json)?)),
    );
    let names: Vec<_> = summary.endpoints.iter().map(|endpoint| endpoint.name.clone()).collect();
    for (name, endpoint) in file_names(&names).iter().zip(&tally.totals.endpoints) {
        if let Some(distribution) = hgrm::Distribution::new(&endpoint.view(View::Response)) {
            let written = run_dir.write(&format!("{name}.hgrm"), distribution.to_string().as_bytes());
            keep(written.map_err(Into::into));
        }
    }
    let path = latency_file.path().to_owned();
    let renamed = latency_file.finish(summary.real_rps);
    keep(renamed.map(|_| ()).map_err(|source| RunError::LatencyFile { path, source }));
    if failures.is_empty() { Ok(()) } else { Err(RunError::NotSaved(failures)) }
}

/// Writes the summary in the forms of other tools.
fn save_formats(run_dir: &RunDir, formats: &[ToolFormat], run: &FinishedRun<'_>) -> Result<(), RunError> {
    for format in formats {
        run_dir.write(format.file_name(), &format.write(run)?)?;
    }
    Ok(())
}
