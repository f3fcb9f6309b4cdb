//! A run from its start to its results on disk.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::config::{Config, Place};
use crate::dispatch::Dispatcher;
use crate::endpoints::DEFAULT_PAYLOAD;
use crate::hgrm;
use crate::histograms::View;
use crate::interrupt::{Interrupt, Interrupts};
use crate::local::{LocalError, LocalLambda};
use crate::machine;
use crate::pacer::{self, Paced};
use crate::recorder::{Recorder, Recording};
use crate::report;
use crate::run_dir::{RunDir, RunDirError, file_names};
use crate::run_info::{Description, RunInfo};
use crate::schedule::Arrivals;
use crate::sink::{Sink, SinkError, Sinks};
use crate::summary::{SumError, Summary};
use crate::target::{ClientError, LambdaConfig, LambdaTarget, Target};

/// Between the making of the clock and its zero, so that all threads wait for the first arrival.
const LEAD: Duration = Duration::from_millis(20);

/// How long calls in flight may take to end once the run was interrupted.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a run could not be made or saved.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum RunError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Local(#[from] LocalError),
    #[error(transparent)]
    RunDir(#[from] RunDirError),
    #[error(transparent)]
    Sum(#[from] SumError),
    #[error("--latf {}: cannot be written: {source}", path.display())]
    Legacy { path: PathBuf, source: io::Error },
    #[error("{0}")]
    System(#[from] io::Error),
    #[error("the {0} thread panicked: this is a defect of awsinvoker")]
    Panicked(&'static str),
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
    /// Early.
    Interrupted(Interrupt),
}

/// Makes a run and saves it; `out` gets what people read.
///
/// # Errors
/// The run could not be made, or not all of it could be saved.
pub async fn run(config: &Config, command_line: &[String], out: &mut dyn Write) -> Result<Ending, RunError> {
    let mut interrupts = Interrupts::new()?;
    machine::allow_connections(config.max_in_flight)?;
    let started = tokio::select! {
        started = Started::new(config) => started?,
        interrupt = interrupts.next() => return Ok(Ending::Interrupted(interrupt)),
    };
    let Started { target, description, local } = started;
    let result = load(config, target, &description, command_line, &mut interrupts, out).await;
    if let Some(local) = local {
        local.stop().await;
    }
    result
}

/// What is being loaded, ready for the first call.
struct Started {
    target: Target,
    description: Description,
    local: Option<LocalLambda>,
}

impl Started {
    async fn new(config: &Config) -> Result<Self, RunError> {
        let local = match &config.place {
            Place::Local(functions) => Some(LocalLambda::start(functions).await?),
            Place::Endpoint | Place::Aws => None,
        };
        let endpoint_url = local.as_ref().map(|local| local.url().to_owned());
        let lambda = LambdaConfig {
            endpoint_url: endpoint_url.or_else(|| config.lambda.endpoint_url.clone()),
            ..config.lambda.clone()
        };
        let target = LambdaTarget::new(&lambda, &config.endpoints.list).await?;
        let description = match &local {
            Some(local) => Description {
                text: format!("lambda-local at {}", local.url()),
                images: local.images().clone(),
            },
            None => Description { text: target.place().to_owned(), ..Default::default() },
        };
        Ok(Self { target: Target::Lambda(target), description, local })
    }
}

/// The run itself, on a target that is ready.
async fn load(
    config: &Config,
    target: Target,
    description: &Description,
    command_line: &[String],
    interrupts: &mut Interrupts,
    out: &mut dyn Write,
) -> Result<Ending, RunError> {
    let legacy = config.legacy.sink();
    let legacy = legacy.map_err(|source| RunError::Legacy { path: config.legacy.partial(), source })?;
    // A start that fails leaves nothing behind that would be in the way of the next.
    let run_dir =
        RunDir::create(config.out.as_deref(), SystemTime::now()).inspect_err(|_| config.legacy.discard())?;
    let sinks = sinks(config, &run_dir, legacy)?;
    say(out, &start_line(config, &description.text, run_dir.path()));
    let clock = Clock::starting_in(LEAD);
    let info = RunInfo::new(config, description, command_line, clock.start());
    run_dir.write("run.json", &json(&info)?)?;
    let window_end_ns = Arc::new(AtomicU64::new(config.schedule.end_ns()));
    let (sender, samples) = mpsc::channel();
    let recorder = Recorder::new(config.names(), clock.start(), Arc::clone(&window_end_ns), sinks);
    let recorder = recorder.spawn(samples, clock)?;
    let runtime = tokio::runtime::Handle::current();
    let dispatcher = Arc::new(Dispatcher::new(runtime, target, clock, sender, config.max_in_flight));
    let (paced, interrupt) = issue_all(config, clock, &dispatcher, &window_end_ns, interrupts).await?;
    drop(dispatcher);
    let recording = tokio::task::spawn_blocking(|| recorder.join()).await;
    let recording = recording.ok().and_then(Result::ok).ok_or(RunError::Panicked("recorder"))?;
    let target_rps = config.schedule.rate.rps();
    let interrupted_ns = interrupt.map(|(_, at_ns)| at_ns);
    let summary = Summary::new(&config.endpoints.list, target_rps, paced, interrupted_ns, &recording)?;
    let saved = save(config, &run_dir, &summary, recording);
    say(out, &format!("{}\nresults: {}", report::text(&summary), run_dir.path().display()));
    saved?;
    Ok(match interrupt {
        Some((interrupt, _)) => Ending::Interrupted(interrupt),
        None if summary.completed == 0 => Ending::NothingSucceeded,
        None => Ending::Complete,
    })
}

/// Lets the pacer issue the schedule, and waits until every call has ended. Tells who interrupted it, and when.
async fn issue_all(
    config: &Config,
    clock: Clock,
    dispatcher: &Arc<Dispatcher>,
    window_end_ns: &Arc<AtomicU64>,
    interrupts: &mut Interrupts,
) -> Result<(Paced, Option<(Interrupt, u64)>), RunError> {
    let stop = Arc::new(AtomicBool::new(false));
    let mut paced = spawn_pacer(config, clock, dispatcher, window_end_ns, &stop)?;
    let mut interrupt = None;
    let paced = loop {
        tokio::select! {
            paced = &mut paced => break paced.map_err(|_| RunError::Panicked("pacer"))?,
            signal = interrupts.next(), if interrupt.is_none() => {
                interrupt = Some((signal, clock.now_ns()));
                stop.store(true, Ordering::Relaxed);
            }
        }
    };
    if interrupt.is_none() {
        tokio::select! {
            () = dispatcher.drained() => return Ok((paced, None)),
            signal = interrupts.next() => interrupt = Some((signal, clock.now_ns())),
        }
    }
    tokio::select! {
        () = dispatcher.drained() => {}
        _ = interrupts.next() => {}
        () = tokio::time::sleep(PATIENCE) => {}
    }
    dispatcher.abandon();
    dispatcher.drained().await;
    Ok((paced, interrupt))
}

fn spawn_pacer(
    config: &Config,
    clock: Clock,
    dispatcher: &Arc<Dispatcher>,
    window_end_ns: &Arc<AtomicU64>,
    stop: &Arc<AtomicBool>,
) -> io::Result<oneshot::Receiver<Paced>> {
    let (schedule, dispatcher) = (config.schedule.clone(), Arc::clone(dispatcher));
    let (window_end_ns, stop) = (Arc::clone(window_end_ns), Arc::clone(stop));
    let (sender, receiver) = oneshot::channel();
    thread::Builder::new().name("pacer".to_owned()).spawn(move || {
        let paced = pacer::pace(&schedule, clock, &stop, |arrival| dispatcher.issue(arrival));
        window_end_ns.store(paced.window_ns, Ordering::Relaxed);
        drop(dispatcher);
        // The receiver is gone only if the run is.
        let _ = sender.send(paced);
    })?;
    Ok(receiver)
}

fn sinks(config: &Config, run_dir: &RunDir, legacy: Sink) -> Result<Sinks, RunError> {
    let debug = || Sink::new(Path::new("stdout"), Box::new(io::stdout()));
    Ok(Sinks {
        samples: run_dir.sink("samples.csv")?,
        hlog: run_dir.sink("latency.hlog")?,
        legacy,
        debug: config.debug.then(debug),
    })
}

/// Writes all that is written at the end; what fails does not keep the rest from being written.
fn save(config: &Config, run_dir: &RunDir, summary: &Summary, recording: Recording) -> Result<(), RunError> {
    let mut failures: Vec<String> = recording.failures.iter().map(SinkError::to_string).collect();
    let mut keep =
        |result: Result<(), RunError>| failures.extend(result.err().map(|error| error.to_string()));
    keep(json(summary).and_then(|json| Ok(run_dir.write("summary.json", &json)?)));
    let names = file_names(&config.names());
    for (name, endpoint) in names.iter().zip(&recording.totals.endpoints) {
        if let Some(histogram) = endpoint.views[View::Response as usize].get() {
            let distribution = hgrm::percentile_distribution(histogram);
            keep(run_dir.write(&format!("{name}.hgrm"), distribution.as_bytes()).map_err(Into::into));
        }
    }
    let legacy = config.legacy.finish(summary.completed_rps);
    keep(legacy.map(|_| ()).map_err(|source| RunError::Legacy { path: config.legacy.partial(), source }));
    if failures.is_empty() { Ok(()) } else { Err(RunError::NotSaved(failures)) }
}

fn start_line(config: &Config, target: &str, run_dir: &Path) -> String {
    let (schedule, endpoints) = (&config.schedule, &config.endpoints);
    let about = if schedule.arrivals == Arrivals::Poisson { "about " } else { "" };
    let mut line = format!(
        "{about}{} requests in {} s ({}/s) to {} on {target}, saved in {}",
        schedule.expected(),
        schedule.duration_ns as f64 / 1e9,
        schedule.rate.rps(),
        listed(&config.names()),
        run_dir.display(),
    );
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

/// Up to three names, and how many more.
fn listed(names: &[String]) -> String {
    match names {
        [a, b, c, _, ..] => format!("{a}, {b}, {c} and {} more", names.len() - 3),
        _ => names.join(", "),
    }
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, RunError> {
    let mut json = serde_json::to_vec_pretty(value).map_err(io::Error::from)?;
    json.push(b'\n');
    Ok(json)
}

/// Prints a line. A closed pipe must not cost the results that are still to be saved.
fn say(out: &mut dyn Write, line: &str) {
    if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
        tracing::warn!("stdout could not be written: {error}");
    }
}
