//! Handles requests one after the other, with a sandbox that is started when there is none.

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
    /// `None` before the first request, and after the program has exited or was killed.
    sandbox: Option<Sandbox>,
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
    pub(super) fn new(blueprint: Arc<Blueprint>, id: EnvironmentId) -> Self {
        let log = Log::new(blueprint.function.name.clone());
        Self { blueprint, id, sandbox: None, peak_memory_mb: 0, log }
    }

    /// Lets the function handle the request, after a cold start if there is no sandbox.
    pub(super) async fn handle(&mut self, request: &Request) -> Handled {
        let init = match self.sandbox {
            Some(_) => None,
            None => Some(self.start(Phase::Init, self.blueprint.init_timeout).await),
        };
        self.log.platform(&start_line(&request.request_id));
        match init {
            None => self.invoke(request, Instant::now(), None).await,
            Some(init) if init.result.is_ok() => {
                self.invoke(request, Instant::now(), Some(init.duration())).await
            }
            Some(_) => self.start_again_and_invoke(request).await,
        }
    }

    /// Waits until the runtime asks for the next event.
    pub(super) async fn settle(&mut self, deadline: Instant) -> Readiness {
        match &mut self.sandbox {
            Some(sandbox) => sandbox.settle(deadline, &mut self.log).await,
            None => Readiness::Gone,
        }
    }

    /// Returns when the program has exited, or at the deadline. Without a sandbox, never returns: the first request is
    /// on its way. May be cancelled.
    pub(super) async fn idle(&mut self, deadline: Instant) {
        let Some(sandbox) = &mut self.sandbox else { return std::future::pending().await };
        if let Ok(exit) = timeout_at(deadline, sandbox.exited(&mut self.log)).await {
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
        Reply { outcome: invocation.result, log_tail: self.log.take_tail() }
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
        let variables = self.blueprint.variables(self.id);
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

    /// Repeats an initialisation that failed, as part of the invocation. The invocation lasts from the start of the
    /// program: how long it takes to start one is this machine's time, not the function's.
    async fn start_again_and_invoke(&mut self, request: &Request) -> Handled {
        let Timed { started, ended, result } =
            self.start(Phase::Invoke, self.blueprint.function.timeout).await;
        match result {
            Ok(()) => self.invoke(request, started, None).await,
            Err(failure) => {
                let invocation = Timed { started, ended, result: Err(failure) };
                Handled { invocation, init_duration: None }
            }
        }
    }

    /// Lets the runtime handle the request. If the program exits or times out, it is gone afterwards.
    async fn invoke(
        &mut self,
        request: &Request,
        started: Instant,
        init_duration: Option<Duration>,
    ) -> Handled {
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

    fn event(&self, request: &Request, remaining: Duration) -> Event {
        Event {
            request_id: request.request_id.clone(),
            deadline_ms: clock::epoch_ms(remaining),
            arn: self.blueprint.function.arn(&self.blueprint.region),
            trace_id: request.trace_id.clone(),
            client_context: request.client_context.clone(),
            payload: request.payload.clone(),
        }
    }
}
