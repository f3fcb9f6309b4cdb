//! A run from its start to its results on disk.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use run_record::circumstances::Circumstances;
use run_record::format::tools::{FinishedRun, ToolFormat};
use run_record::format::{FormatError, hgrm, json};
use run_record::names::file_names;
use run_record::run_dir::{RUN_JSON, RunDir, RunDirError, SUMMARY_JSON};
use run_record::run_info::{ClockInfo, End, Load, RunInfo, TargetInfo};
use run_record::sink::{Sink, SinkError};
use run_record::summary::SumError;
use run_record::{Summary, View, units, wall_clock};

use crate::clock::{Clock, wall_now};
use crate::config::{Config, Display};
use crate::cost::{self, CostError};
use crate::idle::NotIdle;
use crate::load::{self, Event, Gate, Interrupt, Interrupted, Interrupts, LoadError, Observer as _, Window};
use crate::machine::Snapshot;
use crate::observe::{self, Form, Observed, Observers, PartialFile, Tally};
use crate::plan::endpoints::DEFAULT_PAYLOAD;
use crate::plan::schedule::Schedule;
use crate::plan::{Plan, schedule_file};
use crate::platform::{Description, Ended, Local, Platform, StartError, Started};
use crate::preflight::NotAlike;
use crate::prewarm::prewarm;
use crate::restarts::{Boundaries, Restarts, When};
use crate::start_at::StartAtError;
use crate::warm_up::{WarmedUp, warm_up};
use crate::{describe, env_vars, idle, preflight, screen, start_at, time_service};

/// Between the making of the clock and its zero, so that all threads wait for the first arrival.
const LEAD: Duration = Duration::from_millis(20);
/// Beyond this, a disk that is even slower delays the first arrivals.
const MAX_LEAD: Duration = Duration::from_secs(5);

/// Why a run could not be made or saved.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum RunError {
    #[error(transparent)]
    NotIdle(#[from] NotIdle),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    StartAt(#[from] StartAtError),
    #[error(transparent)]
    Cost(#[from] CostError),
    #[error(transparent)]
    NotAlike(#[from] NotAlike),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    RunDir(#[from] RunDirError),
    #[error(transparent)]
    Sum(#[from] SumError),
    #[error(transparent)]
    Format(#[from] FormatError),
    #[error("--latf {}: cannot be written: {source}", path.display())]
    LatencyFile { path: PathBuf, source: io::Error },
    #[error("--schedule-out {}: cannot be written: {source}", path.display())]
    ScheduleOut { path: PathBuf, source: io::Error },
    #[error("{0}")]
    System(#[from] io::Error),
    #[error("the run is over, but not all of it was saved: {}", .0.join("; "))]
    NotSaved(Vec<String>),
}

/// How a run ended whose results are all saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As planned.
    Complete,
    /// As planned, but without a single success.
    NothingSucceeded,
    /// As planned, but what was measured is not what was asked for.
    Invalid,
    /// As planned, but a threshold is broken.
    ThresholdBroken,
    /// Early, by a signal.
    Interrupted(Interrupt),
}

/// Makes a run and saves it; `out` gets what people read.
///
/// # Errors
/// The run could not be made, or not all of it could be saved.
pub async fn run(config: &Config, command_line: &[String], out: &mut dyn Write) -> Result<Ending, RunError> {
    start_at::check(config)?;
    // Before signals are taken over: a signal ends this at once.
    write_schedule(&config.plan)?;
    let mut interrupts = Interrupts::new()?;
    load::allow_connections(config.plan.max_in_flight, config.platform.servers())?;
    let before = tokio::select! {
        before = idle::before_run(config.idle) => before?,
        interrupt = interrupts.next() => return Ok(Ending::Interrupted(interrupt)),
    };
    let started = tokio::select! {
        started = config.platform.start(&config.plan.endpoints.list) => started?,
        interrupt = interrupts.next() => return Ok(Ending::Interrupted(interrupt)),
    };
    let Started { platform, description, local, restarters } = started;
    let mut functions = Functions { local, restarts: Restarts::new(restarts_when(&config.plan), restarters) };
    let start = Start { config, description, command_line, before };
    let result = match prepare(&start, &platform, &mut functions, &mut interrupts).await {
        Ok(Prepared::Run(info)) => {
            measure(config, *info, platform, &mut functions, &mut interrupts, out).await
        }
        Ok(Prepared::Interrupted(interrupt)) => Ok(Ending::Interrupted(interrupt)),
        Err(error) => Err(error),
    };
    functions.restarts.end().await;
    functions.local.stop().await;
    result
}

/// When a plan asks for fresh environments.
fn restarts_when(plan: &Plan) -> When {
    match plan.restart_every_ns {
        Some(every_ns) => When::AtBoundaries(Boundaries { every_ns, end_ns: plan.workload.end_ns() }),
        None if plan.needs_restarts() => When::BeforeCalls,
        None => When::Never,
    }
}

/// What is known of a run before it starts.
struct Start<'a> {
    config: &'a Config,
    description: Description,
    command_line: &'a [String],
    before: Option<Load>,
}

/// What is to be put in order after a run.
struct Functions {
    local: Local,
    restarts: Restarts,
}

/// What comes before a run on a platform that is ready.
enum Prepared {
    /// The run can begin.
    Run(Box<RunInfo>),
    /// A signal came.
    Interrupted(Interrupt),
}

/// Checks the cost, calls the endpoints if that is wanted, checks whether what is compared is alike, and lets the
/// platform have environments ready.
async fn prepare(
    start: &Start<'_>,
    platform: &Platform,
    functions: &mut Functions,
    interrupts: &mut Interrupts,
) -> Result<Prepared, RunError> {
    let Start { config, description, command_line, before } = start;
    let info = describe::run_info(config, description, command_line, before.clone());
    let mut info = Box::new(info.map_err(FormatError::from)?);
    let configuration = &mut info.configuration;
    let has_preflight = preflight::is_wanted(config.preflight, configuration);
    check_cost(config, description, has_preflight)?;
    tokio::select! {
        begun = functions.restarts.begin() => begun?,
        interrupt = interrupts.next() => return Ok(Prepared::Interrupted(interrupt)),
    }
    if has_preflight {
        tokio::select! {
            () = preflight::call_each(platform, configuration) => {}
            interrupt = interrupts.next() => return Ok(Prepared::Interrupted(interrupt)),
        }
    }
    preflight::check(config.preflight, configuration)?;
    info.clock = clock_info(config, platform).await;
    if let Some(calls) = config.plan.prewarm {
        tokio::select! {
            made = prewarm(platform, configuration.endpoints.len(), calls) => configuration.prewarm = Some(made),
            interrupt = interrupts.next() => return Ok(Prepared::Interrupted(interrupt)),
        }
    }
    // What comes before a run takes its time.
    start_at::check(config)?;
    tokio::select! {
        () = start_at::wait_for_warm_up(config) => Ok(Prepared::Run(info)),
        interrupt = interrupts.next() => Ok(Prepared::Interrupted(interrupt)),
    }
}

/// What is known of the clock. A server is asked only if several load generators have to agree on the time.
async fn clock_info(config: &Config, platform: &Platform) -> ClockInfo {
    let Config { plan, start_at, .. } = config;
    let is_one_of_several = start_at.is_some() || matches!(plan.workload.schedule(), Some(Schedule::Part(_)));
    let server = if is_one_of_several { platform.server_clock().await } else { None };
    let start_at = start_at.map(wall_clock::rfc3339);
    ClockInfo { start_at, late_ns: None, time_service: time_service::ask().await, server }
}

/// What is known when a load is over.
struct Over {
    clock: Clock,
    wall_jump_ns: i64,
    target_rps: Option<f64>,
    interrupted: Option<Interrupted>,
    tally: Tally,
    /// Which outputs could not be written.
    failures: Vec<SinkError>,
}

/// The run itself.
async fn measure(
    config: &Config,
    mut info: RunInfo,
    platform: Platform,
    functions: &mut Functions,
    interrupts: &mut Interrupts,
    out: &mut dyn Write,
) -> Result<Ending, RunError> {
    let (plan, Functions { local, restarts }) = (&config.plan, functions);
    let Files { run_dir, latency_file, latency_sink } = Files::create(plan)?;
    let files = observe::Files::create(plan, &run_dir, latency_sink)?;
    if !config.display.quiet {
        say(out, &start_line(plan, &info.configuration.targets, run_dir.path()));
    }
    let (platform, gate) = (Arc::new(platform), Gate::new(plan.max_in_flight));
    let WarmedUp { info: warm_up, left, interrupted } =
        get_ready(config, &gate, &platform, interrupts).await?;
    info.configuration.warm_up = warm_up;
    let (before_start, expired_before_ns) = (Snapshot::take(), platform.expired_credentials_ns());
    let clock = start_clock(&run_dir, &mut info, left, config.start_at)?;
    let observers = Observers::new(plan, files, clock, &gate, form(plan, config.display))?;
    let restarting = restarts.start(clock, &platform);
    let loaded = match interrupted {
        Some(Interrupted { by, .. }) => Ok(nothing_issued(observers, by)),
        None => {
            load::run(&plan.workload, &gate, Arc::clone(&restarting.platform), clock, interrupts, observers)
                .await
        }
    };
    let (observers, interrupted) = match loaded {
        Ok(loaded) => loaded,
        Err(error) => {
            restarts.stop(restarting).await;
            return Err(error.into());
        }
    };
    let expired_ns = platform.expired_credentials_ns().saturating_sub(expired_before_ns);
    let Ended { lambda: local_ended, instance: instance_ended } = local.ended().await;
    let Observed { tally, generator, failures } = observers.finish();
    let credentials_expired_s = units::s(expired_ns);
    let circumstances = Circumstances { generator, local_ended, instance_ended, credentials_expired_s };
    let target_rps = plan.workload.target_rps_until(tally.window_end_ns, tally.issued);
    let wall_jump_ns = clock.wall_jump_ns();
    let over = Over { clock, wall_jump_ns, target_rps, interrupted, tally, failures };
    let end = over.end();
    info.machine.during = before_start.zip(Snapshot::take()).and_then(|(start, end)| end.load_since(&start));
    info.end = Some(End { circumstances, restarts: restarts.stop(restarting).await, ..end });
    info.machine.after = idle::after_run().await;
    publish(plan, &info, over, &run_dir, latency_file, out)
}

/// Warms up, and waits for the time of the start.
async fn get_ready(
    config: &Config,
    gate: &Gate,
    platform: &Arc<Platform>,
    interrupts: &mut Interrupts,
) -> Result<WarmedUp, LoadError> {
    let mut warmed_up = warm_up(&config.plan, gate, platform, Clock::starting_in(LEAD), interrupts).await?;
    if warmed_up.interrupted.is_none() {
        warmed_up.interrupted = tokio::select! {
            () = start_at::wait_for_start(config) => None,
            by = interrupts.next() => Some(Interrupted { by, at_ns: 0 }),
        };
    }
    Ok(warmed_up)
}

/// Saves and prints what a load came to.
fn publish(
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

/// Writes `run.json`, which holds when the run starts, and returns the clock that starts then: at the time that was asked
/// for, if there is one and it is still ahead. A disk may take longer to write it than there is time until then. Then the
/// run starts later.
fn start_clock(
    run_dir: &RunDir,
    info: &mut RunInfo,
    left: Duration,
    start_at: Option<SystemTime>,
) -> Result<Clock, RunError> {
    let mut in_time = start_at.map(Clock::starting_at).filter(|clock| clock.until_start() >= LEAD);
    let mut lead = left.max(LEAD);
    loop {
        let clock = in_time.take().unwrap_or_else(|| Clock::starting_in(lead));
        info.start = wall_clock::rfc3339(clock.start());
        info.clock.late_ns = start_at.map(|at| start_at::late_ns(at, clock.start()));
        run_dir.write(RUN_JSON, &json::write(info)?)?;
        if clock.until_start() >= LEAD / 2 || lead > MAX_LEAD {
            return Ok(clock);
        }
        lead *= 2;
    }
}

/// Checks what the run may cost, if there is a limit.
fn check_cost(config: &Config, description: &Description, has_preflight: bool) -> Result<(), CostError> {
    let Some(limit) = config.max_cost else { return Ok(()) };
    let prices = cost::prices(&config.prices, &config.plan, description);
    cost::check(limit, &config.plan, &prices, description, has_preflight)
}

/// How a run ended that was not interrupted. What is worse comes first.
pub(crate) fn ending(summary: &Summary) -> Ending {
    if summary.completed == 0 {
        Ending::NothingSucceeded
    } else if !summary.verdict.valid {
        Ending::Invalid
    } else if summary.thresholds.iter().any(|result| !result.passed) {
        Ending::ThresholdBroken
    } else {
        Ending::Complete
    }
}

/// How the run is shown while it goes on. Lines about each request would destroy a view that is drawn in place.
fn form(plan: &Plan, display: Display) -> Option<Form> {
    let on_terminal = screen::is_terminal(env_vars::term().as_deref()) && !plan.print_requests;
    match display {
        Display { quiet: true, .. } => None,
        _ if on_terminal => Some(Form::Block),
        Display { progress, .. } => progress.then_some(Form::Lines),
    }
}

impl Over {
    /// The end of the run, but for what happened beside its calls.
    fn end(&self) -> End {
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

/// A run that was interrupted during its warm-up.
fn nothing_issued(mut observers: Observers, by: Interrupt) -> (Observers, Option<Interrupted>) {
    observers.observe(&Event::WindowClosed(Window { issued: 0, end_ns: 0 }));
    observers.observe(&Event::Finished { now_ns: 0 });
    (observers, Some(Interrupted { by, at_ns: 0 }))
}

/// Writes the file of `--schedule-out`, if it is asked for.
fn write_schedule(plan: &Plan) -> Result<(), RunError> {
    let Some((path, schedule)) = plan.schedule_out.as_ref().zip(plan.workload.schedule()) else {
        return Ok(());
    };
    let written = schedule_file::write(path, schedule, &plan.endpoints.names());
    written.map_err(|source| RunError::ScheduleOut { path: path.clone(), source })
}

/// The folder of a run and the file of latencies, both new.
struct Files {
    run_dir: RunDir,
    latency_file: PartialFile,
    latency_sink: Sink,
}

impl Files {
    /// A start that fails leaves nothing behind that would be in the way of the next.
    fn create(plan: &Plan) -> Result<Self, RunError> {
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

fn start_line(plan: &Plan, targets: &[TargetInfo], run_dir: &Path) -> String {
    let Plan { workload, endpoints, .. } = plan;
    let (names, run_dir) = (listed(&endpoints.names()), run_dir.display());
    let targets: Vec<String> = targets.iter().map(TargetInfo::text).collect();
    let mut line = format!("{workload} to {names} on {}, saved in {run_dir}", targets.join(" and "));
    if endpoints.are_own_functions {
        let payloads =
            endpoints.list.iter().map(|endpoint| format!("{} with {}", endpoint.name, endpoint.payload));
        line += &format!("; without an endpoints file, {}", payloads.collect::<Vec<_>>().join(" and "));
    }
    if let Some(warm_up_ns) = plan.warm_up_ns {
        line += &format!("; after a warm-up of {} s", units::s(warm_up_ns));
    }
    if endpoints.defaulted > 0 {
        let whom = format!("{} of {} endpoints", endpoints.defaulted, endpoints.list.len());
        line += &format!("; {whom} with the default payload {DEFAULT_PAYLOAD}");
    }
    let asynchronous = endpoints.list.iter().filter(|endpoint| endpoint.asynchronous).count();
    if asynchronous > 0 {
        line += &format!("; {asynchronous} called asynchronously");
    }
    line
}

/// Up to three names, and how many more there are.
fn listed(names: &[String]) -> String {
    match names {
        [a, b, c, _, ..] => format!("{a}, {b}, {c} and {} more", names.len() - 3),
        _ => names.join(", "),
    }
}

/// Prints a line. A closed pipe must not cost the results that are still to be saved.
pub(crate) fn say(out: &mut dyn Write, line: &str) {
    if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
        tracing::warn!("stdout could not be written: {error}");
    }
}

#[cfg(test)]
mod tests {
    use run_record::summary::Course;
    use run_record::{Arrival, Outcome, Reply, Sample, Threshold, Timing, Totals};

    use super::*;

    #[test]
    fn the_worst_of_a_run_is_its_ending() {
        let threshold = |text: &str| [text.parse::<Threshold>().unwrap()];
        let ended = |outcomes: &[Outcome], threshold: [Threshold; 1]| {
            let mut totals = Totals::new(1);
            for outcome in outcomes {
                let reply = Reply::with_outcome(*outcome);
                let arrival = Arrival { sequence: 0, endpoint: 0, number: 0, intended_ns: 0 };
                totals.record(&Sample { arrival, timing: Some(Timing::new(0, 1_000)), reply });
            }
            let issued = totals.samples();
            let course = Course {
                endpoints: vec![("f", false)],
                target_rps: Some(1.0),
                issued,
                window_ns: units::NS_PER_S,
                interrupted_ns: None,
                sent_in_window: issued,
                wall_jump_ns: 0,
                thresholds: &threshold,
            };
            ending(&Summary::new(&course, &totals).unwrap())
        };
        let (kept, broken) = ("ok>0%", "ok>100%");
        assert_eq!(ended(&[Outcome::Ok], threshold(kept)), Ending::Complete);
        assert_eq!(ended(&[Outcome::Ok], threshold(broken)), Ending::ThresholdBroken);
        assert_eq!(ended(&[Outcome::Ok, Outcome::Dropped], threshold(broken)), Ending::Invalid);
        assert_eq!(ended(&[Outcome::Dropped], threshold(broken)), Ending::NothingSucceeded);
    }
}
