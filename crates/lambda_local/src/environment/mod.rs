//! An execution environment: serves one request at a time, one after the other.

mod cleanup;
mod container;
mod container_body;
mod docker;
mod exit;
mod image;
mod launcher;
mod listener;
mod log;
mod owner;
mod proc;
mod process;
mod reaper;
mod sandbox;
mod variables;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

pub use self::docker::DockerError;
use self::launcher::LaunchError;
pub(crate) use self::launcher::Launcher;
pub use self::launcher::PrepareError;
pub(crate) use self::listener::PeerListener;
use self::log::Log;
pub use self::reaper::{REAP_FLAG, reap};
use self::sandbox::{End, InitFailure, Sandbox, Settled, epoch_ms};
use crate::invocation::{Completed, Fault, Invocation, Request, Unavailable};
use crate::pool::EnvironmentId;
use crate::report::{Report, end_line, init_report, start_line};
use crate::runtime_api::NextEvent;
use crate::service::Service;

/// How long an answer waits for the runtime to ask for the next event, so that a client that sends its next
/// request at once finds this environment idle instead of causing a cold start.
const SETTLE_GRACE: Duration = Duration::from_millis(50);

/// An environment of one function.
#[derive(Debug)]
pub(crate) struct Environment {
    service: Arc<Service>,
    function: usize,
    id: EnvironmentId,
    mailbox: mpsc::Receiver<Invocation>,
    /// `None` before the first request, and once the process has failed.
    sandbox: Option<Sandbox>,
    peak_memory_mb: u64,
    log: Log,
    /// It counts no longer.
    ended: bool,
}

/// When a function is initialised: before its first invocation, or, if that failed, once more within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Init,
    Invoke,
}

/// How the initialisation of a process went.
struct Initialised {
    /// When the process was started.
    started: Instant,
    ended: Instant,
    result: Result<(), Fault>,
}

/// What an invocation came to.
struct Served {
    result: Result<Bytes, Fault>,
    duration: Duration,
    init_duration: Option<Duration>,
}

impl Environment {
    /// An environment that will serve what comes through `mailbox`.
    pub(crate) fn new(
        service: Arc<Service>,
        function: usize,
        id: EnvironmentId,
        mailbox: mpsc::Receiver<Invocation>,
    ) -> Self {
        let log = Log::new(service.function(function).name.clone());
        Self { service, function, id, mailbox, sandbox: None, peak_memory_mb: 0, log, ended: false }
    }

    /// Serves until it is no longer needed, fails, or the server stops; leaves no process behind.
    pub(crate) async fn run(mut self) {
        let stopping = self.service.stopping().clone();
        stopping.run_until_cancelled(self.live()).await;
        if let Some(sandbox) = self.sandbox.take() {
            sandbox.end(&mut self.log).await;
        }
    }

    async fn live(&mut self) {
        while let Some(invocation) = self.next_invocation().await {
            if !self.serve(invocation).await {
                return;
            }
        }
    }

    /// The next request, or `None` when the environment has ended because none came.
    async fn next_invocation(&mut self) -> Option<Invocation> {
        loop {
            let idle_since = Instant::now();
            tokio::select! {
                biased;
                invocation = self.mailbox.recv() => return invocation,
                // A new environment has no process yet, and is not idle either: its first request is on the way.
                () = idle(&mut self.sandbox, idle_since + self.service.config().idle_timeout, &mut self.log) => {}
            }
            if self.service.end_idle(self.function, self.id) {
                self.ended = true;
                return None;
            }
        }
    }

    /// Serves one request and answers it. False if the environment has ended.
    async fn serve(&mut self, Invocation { request, reply }: Invocation) -> bool {
        let deadline_after = self.service.function(self.function).timeout;
        let served = self.handle(&request).await;

        let answered = Instant::now();
        let mut settled = self.settle(answered + SETTLE_GRACE).await;
        let completed = self.complete(&request, served);
        // The environment is idle before the client can know, so that its next request finds it.
        self.hand_back(settled);
        // If the client has left, its result is of no use to anybody.
        let _ = reply.send(completed);

        if settled == Settled::Busy {
            settled = self.settle(answered + deadline_after).await;
            if settled == Settled::Busy {
                self.kill().await;
                settled = Settled::Exited;
            }
            self.hand_back(settled);
        }
        settled == Settled::Ready
    }

    async fn settle(&mut self, deadline: Instant) -> Settled {
        match &mut self.sandbox {
            Some(sandbox) => sandbox.settle(deadline, &mut self.log).await,
            None => Settled::Exited,
        }
    }

    fn hand_back(&mut self, settled: Settled) {
        match settled {
            Settled::Ready => self.service.release(self.function, self.id),
            Settled::Exited => {
                self.service.end_busy(self.id);
                self.ended = true;
            }
            Settled::Busy => {}
        }
    }

    /// Starts the process if there is none, and lets it handle the request.
    async fn handle(&mut self, request: &Request) -> Served {
        let init = match self.sandbox {
            Some(_) => None,
            None => {
                Some(self.start(Phase::Init, &request.request_id, self.service.config().init_timeout).await)
            }
        };
        self.log.platform(&start_line(&request.request_id));
        let timeout = self.service.function(self.function).timeout;
        let (init_duration, started, failed) = match init {
            None => (None, Instant::now(), None),
            Some(Initialised { started, ended, result: Ok(()) }) => {
                (Some(ended - started), Instant::now(), None)
            }
            Some(Initialised { result: Err(_), .. }) => {
                // This time it is part of the invocation, which lasts from the start of the process: what it takes
                // to start one is this machine's time, not the function's.
                let again = self.start(Phase::Invoke, &request.request_id, timeout).await;
                (None, again.started, again.result.err().map(|fault| (Err(fault), again.ended)))
            }
        };
        let (result, ended) = match failed {
            Some(failed) => failed,
            None => self.invoke(request, started, timeout).await,
        };
        Served { result, duration: ended - started, init_duration }
    }

    /// Starts a process and waits until the runtime asks for an event.
    async fn start(&mut self, phase: Phase, request_id: &str, limit: Duration) -> Initialised {
        let (function, launcher) = (self.service.function(self.function), self.service.launcher());
        let variables = variables::of(function, self.service.config(), launcher, self.id);
        let sandbox = match Sandbox::start(launcher, function, variables, &mut self.log).await {
            // It is kept here while it is waited for, so that it is ended in order if the server stops meanwhile.
            Ok(sandbox) => self.sandbox.insert(sandbox),
            Err(error) => {
                let now = Instant::now();
                return Initialised {
                    started: now,
                    ended: now,
                    result: Err(start_fault(&error, request_id)),
                };
            }
        };
        let started = sandbox.started();
        let (initialised, ended) = sandbox.initialised(started + limit, &mut self.log).await;
        self.peak_memory_mb = sandbox.peak_memory_mb();
        let Err(failure) = initialised else { return Initialised { started, ended, result: Ok(()) } };
        let fault = init_fault(failure, request_id, limit);
        self.log.platform(&init_report(ended - started, phase.name(), fault.failure()));
        self.kill().await;
        Initialised { started, ended, result: Err(fault) }
    }

    /// Lets the process handle the request; it is gone afterwards if it exited or timed out. Returns when it was done.
    async fn invoke(
        &mut self,
        request: &Request,
        started: Instant,
        timeout: Duration,
    ) -> (Result<Bytes, Fault>, Instant) {
        let event = self.event(request, timeout.saturating_sub(started.elapsed()));
        let Some(sandbox) = &mut self.sandbox else {
            let fault = Fault::exited(&request.request_id, "Runtime exited without providing a reason");
            return (Err(fault), Instant::now());
        };
        let (end, at) = sandbox.invoke(event, started + timeout, &mut self.log).await;
        self.peak_memory_mb = sandbox.peak_memory_mb();
        let fault = match end {
            End::Answer(answer) => return (Ok(answer), at),
            End::Failed(fault) => return (Err(fault), at),
            End::Exited(exit) => Fault::exited(&request.request_id, exit),
            End::TimedOut => Fault::timed_out(&request.request_id, timeout),
        };
        self.kill().await;
        (Err(fault), at)
    }

    async fn kill(&mut self) {
        if let Some(sandbox) = self.sandbox.take() {
            sandbox.kill().await;
        }
    }

    fn event(&self, request: &Request, remaining: Duration) -> NextEvent {
        NextEvent {
            request_id: request.request_id.clone(),
            deadline_ms: epoch_ms(remaining),
            arn: self.service.function(self.function).arn(&self.service.config().region),
            trace_id: request.trace_id.clone(),
            client_context: request.client_context.clone(),
            payload: request.payload.clone(),
        }
    }

    /// Closes the log of the invocation and words its result.
    fn complete(&mut self, request: &Request, served: Served) -> Result<Completed, Unavailable> {
        let Served { result, duration, init_duration } = served;
        if let Err(Fault::Lambda { error_type, message }) = &result {
            self.log.platform(&format!("{message}\n{error_type}\n"));
        }
        self.log.platform(&end_line(&request.request_id));
        let report = Report {
            request_id: &request.request_id,
            duration,
            init_duration,
            memory_mb: self.service.function(self.function).memory_mb,
            peak_memory_mb: self.peak_memory_mb,
            failure: result.as_ref().err().and_then(Fault::failure),
        };
        self.log.platform(&report.to_string());
        let (failed, payload) = match result {
            Ok(answer) => (false, answer),
            Err(fault) => (true, fault.into_payload()?),
        };
        Ok(Completed { payload, failed, log_tail: self.log.take_tail() })
    }
}

impl Drop for Environment {
    /// However it ended, even by a panic: what is lost here would be missing from the concurrency for ever.
    fn drop(&mut self) {
        if !self.ended && !self.service.end_idle(self.function, self.id) {
            self.service.end_busy(self.id);
        }
    }
}

impl Phase {
    fn name(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Invoke => "invoke",
        }
    }
}

/// Returns when the process has exited, or has been idle until `deadline`.
async fn idle(sandbox: &mut Option<Sandbox>, deadline: Instant, log: &mut Log) {
    let Some(running) = sandbox else { return std::future::pending().await };
    if let Ok(exit) = timeout_at(deadline, running.idle(log)).await {
        tracing::debug!("an idle environment ended: {exit}");
        *sandbox = None;
    }
}

fn start_fault(error: &LaunchError, request_id: &str) -> Fault {
    if error.is_shortage() {
        Fault::Unavailable(Unavailable(error.to_string()))
    } else {
        Fault::not_started(request_id, error)
    }
}

fn init_fault(failure: InitFailure, request_id: &str, limit: Duration) -> Fault {
    match failure {
        InitFailure::Reported(body) => Fault::Function(body),
        InitFailure::Exited(exit) => Fault::exited(request_id, exit),
        InitFailure::TimedOut => Fault::timed_out(request_id, limit),
    }
}
