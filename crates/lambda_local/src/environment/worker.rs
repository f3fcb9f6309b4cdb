//! Starts the program of an environment, and handles requests one after the other.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use super::blueprint::Blueprint;
use super::log::Log;
use super::report::{Phase, Report, end_line, init_report, start_line};
use super::sandbox::{Readiness, Sandbox, Timed};
use crate::clock;
use crate::invocation::{Reply, Request};
use crate::outcome::Failure;
use crate::pool::EnvironmentId;
use crate::runtime_api::Event;

/// What an environment has besides its lease.
#[derive(Debug)]
pub(super) struct Worker {
    blueprint: Arc<Blueprint>,
    id: EnvironmentId,
    provisioned: bool,
    /// `None` before the initialisation, and after the program has exited or was killed.
    sandbox: Option<Sandbox>,
    /// Until the first invocation tells it. A provisioned environment does not tell it, because no request waited.
    init_duration: Option<Duration>,
    peak_memory_mb: u64,
    log: Log,
}

/// A request that has been handled.
#[derive(Debug)]
pub(super) struct Handled {
    invocation: Timed<Bytes>,
    /// Only after a cold start.
    init_duration: Option<Duration>,
}

impl Worker {
    pub(super) fn new(blueprint: Arc<Blueprint>, id: EnvironmentId, provisioned: bool) -> Self {
        let log = Log::new(blueprint.function.name.clone());
        Self { blueprint, id, provisioned, sandbox: None, init_duration: None, peak_memory_mb: 0, log }
    }

    /// Starts the program and waits until its runtime asks for an event. False if that failed, which the log tells.
    pub(super) async fn initialise(&mut self) -> bool {
        let init = self.start(Phase::Init, self.blueprint.init_timeout).await;
        self.init_duration = Some(init.duration()).filter(|_| !self.provisioned);
        init.result.is_ok()
    }

    /// Repeats an initialisation that failed, as part of the invocation, and returns when it began. The invocation lasts
    /// from the start of the program: how long it takes to start one is this machine's time, not the function's.
    pub(super) async fn start_again(&mut self, request: &Request) -> Result<Instant, Handled> {
        self.log.begin(&start_line(&request.request_id));
        self.init_duration = None;
        let Timed { started, ended, result } =
            self.start(Phase::Invoke, self.blueprint.function.timeout).await;
        match result {
            Ok(()) => Ok(started),
            Err(failure) => {
                let invocation = Timed { started, ended, result: Err(failure) };
                Err(Handled { invocation, init_duration: None })
            }
        }
    }

    /// Lets the function handle the request.
    pub(super) async fn handle(&mut self, request: &Request) -> Handled {
        self.log.begin(&start_line(&request.request_id));
        self.invoke(request, Instant::now()).await
    }

    /// Lets the runtime handle the request. If the program exits or times out, it is gone afterwards.
    pub(super) async fn invoke(&mut self, request: &Request, started: Instant) -> Handled {
        let init_duration = self.init_duration.take();
        let timeout = self.blueprint.function.timeout;
        let event = self.event(request, timeout.saturating_sub(started.elapsed()));
        let invocation = match &mut self.sandbox {
            Some(sandbox) => {
                let invocation = sandbox.invoke(event, started, timeout, &mut self.log).await;
                self.peak_memory_mb = sandbox.peak_memory_mb();
                invocation
            }
            // This does not happen: it was started, or found, a moment ago.
            None => {
                let failure = Failure::Unavailable("its environment has no program".to_owned());
                Timed { started, ended: Instant::now(), result: Err(failure) }
            }
        };
        if let Err(Failure::Exited(_) | Failure::TimedOut(_)) = invocation.result {
            self.kill().await;
        }
        Handled { invocation, init_duration }
    }

    /// Whether the program has exited or was killed.
    pub(super) fn has_ended(&self) -> bool {
        self.sandbox.is_none()
    }

    /// Waits until the runtime asks for the next event.
    pub(super) async fn settle(&mut self, deadline: Instant) -> Readiness {
        match &mut self.sandbox {
            Some(sandbox) => sandbox.settle(deadline, &mut self.log).await,
            None => Readiness::Gone,
        }
    }

    /// Returns when the program has exited, or at the deadline if there is one. May be cancelled.
    pub(super) async fn idle(&mut self, deadline: Option<Instant>) {
        let Some(sandbox) = &mut self.sandbox else { return };
        let exited = sandbox.exited(&mut self.log);
        let exit = match deadline {
            Some(deadline) => timeout_at(deadline, exited).await.ok(),
            None => Some(exited.await),
        };
        if let Some(exit) = exit {
            tracing::debug!("an idle environment ended: {exit}");
            self.sandbox = None;
        }
    }

    /// Closes the log of the invocation. What the function has printed until now belongs to it.
    pub(super) fn report(&mut self, request: &Request, handled: Handled) -> Reply {
        let Handled { invocation, init_duration } = handled;
        let failure = invocation.result.as_ref().err();
        if let Some((failure, error_type)) =
            failure.and_then(|failure| Some((failure, failure.error_type()?)))
        {
            self.log.platform(&format!("{}\n{error_type}\n", failure.message(&request.request_id)));
        }
        self.log.platform(&end_line(&request.request_id));
        let report = Report {
            request_id: &request.request_id,
            duration: invocation.duration(),
            init_duration,
            memory_mb: self.blueprint.function.memory_mb,
            peak_memory_mb: self.peak_memory_mb,
            failure,
        };
        self.log.platform(&report.to_string());
        Reply { outcome: invocation.result, log_tail: self.log.end() }
    }

    /// Ends the program immediately, whatever it does.
    pub(super) async fn kill(&mut self) {
        if let Some(sandbox) = self.sandbox.take() {
            sandbox.kill().await;
        }
    }

    /// Ends the program in order.
    pub(super) async fn end(&mut self) {
        if let Some(sandbox) = self.sandbox.take() {
            sandbox.end(&mut self.log).await;
        }
    }

    /// Starts the program and waits until its runtime asks for an event.
    async fn start(&mut self, phase: Phase, limit: Duration) -> Timed<()> {
        let variables = self.blueprint.variables(self.id, self.provisioned);
        let sandbox = match Sandbox::start(&*self.blueprint.backend, variables, &mut self.log).await {
            // It is kept here during its initialisation, so that it is ended in order if the server stops meanwhile.
            Ok(sandbox) => self.sandbox.insert(sandbox),
            Err(failure) => {
                let now = Instant::now();
                return Timed { started: now, ended: now, result: Err(failure) };
            }
        };
        let init = sandbox.initialise(limit, &mut self.log).await;
        self.peak_memory_mb = sandbox.peak_memory_mb();
        if let Err(failure) = &init.result {
            self.log.platform(&init_report(init.duration(), phase, failure));
            self.kill().await;
        }
        init
    }

    fn event(&self, request: &Request, remaining: Duration) -> Event {
        let arn = self.blueprint.function.arn(&self.blueprint.region);
        Event {
            request_id: request.request_id.clone(),
            deadline_ms: clock::epoch_ms(remaining),
            arn: match &request.qualifier {
                Some(qualifier) => format!("{arn}:{qualifier}"),
                None => arn,
            },
            trace_id: request.trace_id.clone(),
            client_context: request.client_context.clone(),
            payload: request.payload.clone(),
            stream: request.stream.clone(),
        }
    }
}
