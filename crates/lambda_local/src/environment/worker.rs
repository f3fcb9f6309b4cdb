//! Handles requests one after the other, with a sandbox that is started when there is none.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::blueprint::Blueprint;
use super::log::Log;
use super::report::{Phase, Report, end_line, init_report, start_line};
use super::sandbox::{Ended, Readiness, Sandbox};
use super::variables::variables;
use crate::clock;
use crate::invocation::{Reply, Request};
use crate::outcome::{Failure, Outcome};
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

/// How a request was handled.
#[derive(Debug)]
pub(super) struct Handled {
    outcome: Outcome,
    duration: Duration,
    /// Only after a cold start.
    init_duration: Option<Duration>,
}

/// How an initialisation went.
#[derive(Debug)]
struct Initialised {
    /// When the program was started.
    started: Instant,
    ended: Instant,
    result: Result<(), Failure>,
}

impl Initialised {
    fn duration(&self) -> Duration {
        self.ended - self.started
    }
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
        let Handled { outcome, duration, init_duration } = handled;
        let failure = outcome.as_ref().err();
        if let Some((failure, error_type)) =
            failure.and_then(|failure| Some((failure, failure.error_type()?)))
        {
            self.log.platform(&format!("{}\n{error_type}\n", failure.message(&request.request_id)));
        }
        self.log.platform(&end_line(&request.request_id));
        let report = Report {
            request_id: &request.request_id,
            duration,
            init_duration,
            memory_mb: self.blueprint.function.memory_mb,
            peak_memory_mb: self.peak_memory_mb,
            failure,
        };
        self.log.platform(&report.to_string());
        Reply { outcome, log_tail: self.log.take_tail() }
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
    async fn start(&mut self, phase: Phase, limit: Duration) -> Initialised {
        let variables = variables(&self.blueprint, self.id);
        let started = Sandbox::start(&*self.blueprint.backend, variables, &mut self.log).await;
        let sandbox = match started {
            // It is kept here during its initialisation, so that it is ended in order if the server stops meanwhile.
            Ok(sandbox) => self.sandbox.insert(sandbox),
            Err(failure) => {
                let now = Instant::now();
                return Initialised { started: now, ended: now, result: Err(failure) };
            }
        };
        let started = sandbox.started();
        let Ended { result, at } = sandbox.initialise(limit, &mut self.log).await;
        self.peak_memory_mb = sandbox.peak_memory_mb();
        let initialised = Initialised { started, ended: at, result };
        if let Err(failure) = &initialised.result {
            self.log.platform(&init_report(initialised.duration(), phase, failure));
            self.kill().await;
        }
        initialised
    }

    /// Repeats an initialisation that failed, as part of the invocation. The invocation lasts from the start of the
    /// program: how long it takes to start one is this machine's time, not the function's.
    async fn start_again_and_invoke(&mut self, request: &Request) -> Handled {
        let init = self.start(Phase::Invoke, self.blueprint.function.timeout).await;
        let duration = init.duration();
        match init.result {
            Ok(()) => self.invoke(request, init.started, None).await,
            Err(failure) => Handled { outcome: Err(failure), duration, init_duration: None },
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
        let Some(sandbox) = &mut self.sandbox else {
            let outcome = Err(Failure::Unavailable("its environment has no program".to_owned()));
            return Handled { outcome, duration: started.elapsed(), init_duration };
        };
        let Ended { result: outcome, at } = sandbox.invoke(event, started, timeout, &mut self.log).await;
        self.peak_memory_mb = sandbox.peak_memory_mb();
        if let Err(Failure::Exited(_) | Failure::TimedOut(_)) = outcome {
            self.kill().await;
        }
        Handled { outcome, duration: at - started, init_duration }
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
