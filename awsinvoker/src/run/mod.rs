//! A run from its start to its results on disk.

mod ending;
mod error;
mod lines;
mod results;

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use run_record::circumstances::Circumstances;
use run_record::format::{FormatError, json};
use run_record::run_dir::{RUN_JSON, RunDir};
use run_record::run_info::{ClockInfo, End, Load, RunInfo};
use run_record::{units, wall_clock};

use crate::clock::Clock;
use crate::config::{Config, Display};
use crate::cost::{self, CostError};
use crate::load::{self, Event, Gate, Interrupt, Interrupted, Interrupts, LoadError, Observer as _, Window};
use crate::machine::Snapshot;
use crate::observe::{self, Form, Observed, Observers};
use crate::plan::schedule::Schedule;
use crate::plan::{Plan, schedule_file};
use crate::platform::{Description, Ended, Local, Platform, Started};
use crate::prewarm::prewarm;
use crate::restarts::{Boundaries, Restarts, When};
use crate::warm_up::{WarmedUp, warm_up};
use crate::{describe, env_vars, idle, preflight, screen, start_at, time_service};
pub use ending::Ending;
pub(crate) use ending::ending;
pub use error::RunError;
pub(crate) use lines::say;
use lines::start_line;
use results::{Files, Over, publish};

/// Between the making of the clock and its zero, so that all threads wait for the first arrival.
const LEAD: Duration = Duration::from_millis(20);
/// Beyond this, a disk that is even slower delays the first arrivals.
const MAX_LEAD: Duration = Duration::from_secs(5);

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
    let is_one_of_several =
        start_at.is_some() || matches!(plan.workload.schedule(), Some(Schedule::Shard(_)));
    let server = if is_one_of_several { platform.server_clock().await } else { None };
    let start_at = start_at.map(wall_clock::rfc3339);
    ClockInfo { start_at, late_ns: None, time_service: time_service::ask().await, server }
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
            let platform = Arc::clone(&restarting.platform);
            load::run(&plan.workload, plan.spin, &gate, platform, clock, interrupts, observers).await
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

/// How the run is shown while it goes on. Lines about each request would destroy a view that is drawn in place.
fn form(plan: &Plan, display: Display) -> Option<Form> {
    let on_terminal = screen::is_terminal(env_vars::term().as_deref()) && !plan.print_requests;
    match display {
        Display { quiet: true, .. } => None,
        _ if on_terminal => Some(Form::Block),
        Display { progress, .. } => progress.then_some(Form::Lines),
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
