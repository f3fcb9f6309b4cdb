//! Loads a platform and tells observers what happens.
//!
//! ```text
//! pacer ──► dispatcher ──► platform ──► samples ──► events ──► observer
//! ```
//!
//! The pacer, a task on the threads of the calls, hands over each arrival when it is due. It never waits for an answer, so
//! a slow function does not slow the load down, and latencies count from the intended time. Every arrival ends as exactly
//! one sample with exactly one outcome.
//!
//! In a closed loop, callers take the place of the pacer: each asks for its next call when its last one has ended. In a loop
//! of cold calls, there is one caller, which has the function made cold before each call.

mod closed;
mod cold;
mod dispatch;
mod event;
mod gate;
mod interrupt;
mod open_files;
mod pacer;

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tokio::task::JoinHandle;

pub(crate) use event::TICK_NS;
pub use event::{Event, Observer, Window};
pub use gate::Gate;
pub use interrupt::{Interrupt, Interrupts};
pub(crate) use open_files::{allow_connections, allow_files};

use crate::clock::{Clock, Timer};
use crate::plan::Workload;
use crate::platform::Call;
use closed::Turns;
use dispatch::Dispatcher;

/// How long calls in flight may take to end once the run was interrupted.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a platform could not be loaded.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum LoadError {
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
    #[error("cannot make a timer: {0}; a higher limit of open files (`ulimit -n`) may help")]
    Timer(io::Error),
    #[error("the {0} panicked: this is a defect of awsinvoker")]
    Panicked(&'static str),
}

/// A signal ended the run early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted {
    /// Which.
    pub by: Interrupt,
    /// When, in nanoseconds since the start of the run.
    pub at_ns: u64,
}

/// Calls the platform as the workload says, as many calls at a time as the gate lets in, until every call has ended. With
/// `spin`, an open loop spins before each of them. A signal ends the run early; calls in flight then have five seconds to end. Returns the observer, and whether a signal came.
///
/// # Errors
/// The system gives no thread or no timer, or the pacer or the observer panicked.
pub async fn run<P: Call, O: Observer + Send + 'static>(
    workload: &Workload,
    spin: bool,
    gate: &Gate,
    platform: Arc<P>,
    clock: Clock,
    interrupts: &mut Interrupts,
    observer: O,
) -> Result<(O, Option<Interrupted>), LoadError> {
    let (sender, events) = mpsc::channel();
    let observing = event::observe(events, clock, observer)?;
    let runtime = tokio::runtime::Handle::current();
    let dispatcher = Dispatcher::new(runtime, platform, clock, sender.clone(), gate.clone());
    let interrupted = issue_all(workload, spin, clock, &Arc::new(dispatcher), sender, interrupts).await?;
    let observed = tokio::task::spawn_blocking(|| observing.join()).await;
    let observer = observed.ok().and_then(Result::ok).ok_or(LoadError::Panicked("observer"))?;
    Ok((observer, interrupted))
}

/// Issues all calls, and waits until every one has ended.
async fn issue_all<P: Call>(
    workload: &Workload,
    spin: bool,
    clock: Clock,
    dispatcher: &Arc<Dispatcher<P>>,
    events: Sender<Event>,
    interrupts: &mut Interrupts,
) -> Result<Option<Interrupted>, LoadError> {
    let stop = Arc::new(AtomicBool::new(false));
    let mut paced =
        spawn_pacer(workload.clone(), spin, clock, Arc::clone(dispatcher), events, Arc::clone(&stop))?;
    let mut interrupted = None;
    let now = |by: Interrupt| {
        tell(by, dispatcher.in_flight());
        Some(Interrupted { by, at_ns: clock.now_ns() })
    };
    loop {
        tokio::select! {
            ended = &mut paced => break ended.map_err(|_| LoadError::Panicked("pacer"))?,
            signal = interrupts.next(), if interrupted.is_none() => {
                interrupted = now(signal);
                stop.store(true, Ordering::Relaxed);
            }
        }
    }
    if interrupted.is_none() {
        tokio::select! {
            () = dispatcher.drained() => return Ok(None),
            signal = interrupts.next() => interrupted = now(signal),
        }
    }
    tokio::select! {
        () = dispatcher.drained() => {}
        _ = interrupts.next() => {}
        () = tokio::time::sleep(PATIENCE) => {}
    }
    dispatcher.abandon();
    dispatcher.drained().await;
    Ok(interrupted)
}

/// Says what a signal began.
fn tell(by: Interrupt, in_flight: u32) {
    let (calls, seconds) = (if in_flight == 1 { "call" } else { "calls" }, PATIENCE.as_secs());
    tracing::warn!(
        "{by}: no more requests are sent; {in_flight} {calls} in flight may take up to {seconds} s, and another signal ends \
         the wait"
    );
}

/// Starts the task that issues calls. It ends when it has issued everything or was stopped.
fn spawn_pacer<P: Call>(
    workload: Workload,
    spin: bool,
    clock: Clock,
    dispatcher: Arc<Dispatcher<P>>,
    events: Sender<Event>,
    stop: Arc<AtomicBool>,
) -> Result<JoinHandle<()>, LoadError> {
    let timer = Timer::new(clock).map_err(LoadError::Timer)?;
    Ok(tokio::spawn(async move {
        let window = match workload {
            Workload::Open(schedule) => {
                pacer::pace(&schedule, spin, &timer, &stop, |arrival| dispatcher.issue(arrival)).await
            }
            Workload::Closed(closed) => {
                let turns = Arc::new(Turns::new(&closed));
                turns.run(&timer, &stop, || dispatcher.call_in_turns(&turns)).await
            }
            Workload::Cold(cold) => cold::run(&cold, &timer, &stop, &dispatcher).await,
        };
        // The observer's thread is gone only if it panicked, which is noticed when it is joined.
        let _ = events.send(Event::WindowClosed(window));
    }))
}
