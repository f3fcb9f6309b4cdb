//! Starts the program of an environment, gives it events, and keeps the log.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use tracing::Level;

use super::blueprint::Blueprint;
use super::log::Log;
use super::report::{Phase, Report, end_line, init_report, start_line};
use super::sandbox::{Occurrence, Sandbox, Timed};
use super::work::Serving;
use crate::clock;
use crate::invocation::Request;
use crate::pool::EnvironmentId;
use crate::runtime_api::Event;

/// What an environment has besides its lease and its work.
#[derive(Debug)]
pub(super) struct Worker {
    blueprint: Arc<Blueprint>,
    id: EnvironmentId,
    provisioned: bool,
    /// `None` before the initialisation, and after the program was killed.
    sandbox: Option<Sandbox>,
    /// Until the first invocation tells it. A provisioned environment does not tell it, because no request waited.
    init_duration: Option<Duration>,
    peak_memory_mb: u64,
    log: Log,
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

    /// Repeats an initialisation that failed, as part of an invocation, and returns when it began. The invocation lasts
    /// from the start of the program: how long it takes to start one is this machine's time, not the function's.
    pub(super) async fn start_again(&mut self) -> Result<Instant, Timed<Bytes>> {
        let Timed { started, ended, result } =
            self.start(Phase::Invoke, self.blueprint.function.timeout).await;
        result.map(|()| started).map_err(|failure| Timed { started, ended, result: Err(failure) })
    }

    /// The time that the initialisation took, once.
    pub(super) fn take_init_duration(&mut self) -> Option<Duration> {
        self.init_duration.take()
    }

    /// A request begins. `shared` says that others are being served.
    pub(super) fn open_log(&mut self, request: &Request, shared: bool) {
        self.log.begin(&start_line(&request.request_id), shared);
    }

    /// Gives the runtime the event of a request whose time began at `started`.
    pub(super) fn offer(&mut self, request: &Request, started: Instant) {
        let remaining = self.blueprint.function.timeout.saturating_sub(started.elapsed());
        let event = self.event(request, remaining);
        if let Some(sandbox) = &mut self.sandbox {
            sandbox.offer(event);
        }
    }

    /// The runtime no longer has to handle the event of this request.
    pub(super) fn withdraw(&mut self, request_id: &str) {
        if let Some(sandbox) = &mut self.sandbox {
            sandbox.withdraw(request_id);
        }
    }

    /// The next thing to happen, and when it happened. Without a program, nothing happens. May be cancelled.
    pub(super) async fn occurrence(&mut self) -> (Occurrence, Instant) {
        match &mut self.sandbox {
            Some(sandbox) => sandbox.occurrence(&mut self.log).await,
            None => std::future::pending().await,
        }
    }

    /// Looks at the memory of the program.
    pub(super) fn sample_memory(&mut self) {
        if let Some(sandbox) = &mut self.sandbox {
            sandbox.sample_memory();
            self.peak_memory_mb = sandbox.peak_memory_mb();
        }
    }

    /// Closes the log of an invocation, and returns its end. What the function has printed until now belongs to it.
    /// `shared` says that others are still being served.
    pub(super) fn report(&mut self, serving: &Serving, timed: &Timed<Bytes>, shared: bool) -> Bytes {
        let Serving { request, init_duration, .. } = serving;
        let shown = tracing::enabled!(target: "lambda_local::function", Level::DEBUG);
        if !request.wants_log && !shown {
            return self.log.end(shared);
        }
        self.sample_memory();
        self.log.drain();
        let failure = timed.result.as_ref().err();
        if let Some((failure, error_type)) =
            failure.and_then(|failure| Some((failure, failure.error_type()?)))
        {
            self.log.platform(&format!("{}\n{error_type}\n", failure.message(&request.request_id)));
        }
        if !self.blueprint.is_managed() {
            self.log.platform(&end_line(&request.request_id));
        }
        let report = Report {
            request_id: &request.request_id,
            duration: timed.duration(),
            init_duration: *init_duration,
            memory_mb: self.blueprint.function.memory_mb,
            peak_memory_mb: self.peak_memory_mb,
            failure,
        };
        self.log.platform(&report.to_string());
        self.log.end(shared)
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
        let blueprint = &self.blueprint;
        let variables = blueprint.variables(self.id, self.provisioned);
        let started = Sandbox::start(&*blueprint.backend, variables, blueprint.slots(), &mut self.log).await;
        let sandbox = match started {
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
