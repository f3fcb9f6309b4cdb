//! The life of an execution environment: it initialises, and then serves requests until it is no longer needed or fails.
//!
//! An environment knows its [`Lease`] and its [`Blueprint`]. It does not know the service that started it.

mod blueprint;
mod log;
pub(crate) mod report;
mod sandbox;
#[cfg(test)]
mod tests;
mod work;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

pub(crate) use self::blueprint::Blueprint;
use self::blueprint::log_stream;
use self::sandbox::{Occurrence, Timed};
use self::work::{Due, Serving, Work};
use self::worker::Worker;
use crate::invocation::{Invocation, Reply};
use crate::lease::Lease;
use crate::outcome::{Failure, Outcome};
use crate::runtime_api::News;

/// An environment without work and without an idle time-out looks around this often.
const LONG: Duration = Duration::from_secs(3600);

/// An environment of one function.
#[derive(Debug)]
pub(crate) struct Environment {
    lease: Lease,
    worker: Worker,
    blueprint: Arc<Blueprint>,
    work: Work,
    /// When the runtime first asked for an event.
    ready: Option<Instant>,
    stopping: CancellationToken,
}

/// Whether an environment goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    GoesOn,
    Ends,
}

impl Environment {
    /// An environment that serves what comes through `lease`, and ends when `stopping` is cancelled.
    pub(crate) fn new(lease: Lease, blueprint: Arc<Blueprint>, stopping: CancellationToken) -> Self {
        let worker = Worker::new(Arc::clone(&blueprint), lease.id(), lease.is_provisioned());
        let idle_timeout = if lease.is_provisioned() { None } else { Some(blueprint.idle_timeout) };
        let work = Work::new(Instant::now(), blueprint.function.timeout, idle_timeout);
        Self { lease, worker, blueprint, work, ready: None, stopping }
    }

    /// Serves until the environment is no longer needed, fails, or the server stops. Leaves no process behind.
    pub(crate) async fn run(mut self) {
        let stopping = self.stopping.clone();
        stopping.run_until_cancelled(self.live()).await;
        self.worker.end().await;
        drop(self.lease.end());
    }

    async fn live(&mut self) {
        if self.initialise().await == Life::Ends {
            return;
        }
        let alarm = sleep_until(Instant::now() + LONG);
        tokio::pin!(alarm);
        loop {
            let due = self.work.next_due().unwrap_or_else(|| Instant::now() + LONG);
            // An alarm that comes too early costs less than one that is set for each request.
            if due < alarm.deadline() || alarm.is_elapsed() {
                alarm.as_mut().reset(due);
            }
            let life = tokio::select! {
                biased;
                (occurrence, at) = self.worker.occurrence() => self.react(occurrence, at).await,
                invocation = self.lease.invocation() => match invocation {
                    Some(invocation) => self.begin(invocation),
                    None => Life::Ends,
                },
                () = &mut alarm => self.look_around(Instant::now()).await,
            };
            if life == Life::Ends {
                return;
            }
        }
    }

    async fn initialise(&mut self) -> Life {
        let initialised = tokio::select! {
            biased;
            // There are no invocations yet, so this is the order to end.
            _ = self.lease.invocation() => return Life::Ends,
            initialised = self.worker.initialise() => initialised,
        };
        if initialised {
            let now = Instant::now();
            self.ready = Some(now);
            self.work.is_idle_since(now);
            self.lease.ready();
            return Life::GoesOn;
        }
        match self.lease.adopt() {
            Some(invocation) => self.initialise_again(invocation).await,
            None => {
                let name = &self.blueprint.function.name;
                tracing::warn!("an environment of {name} could not initialise, and no request waits for it");
                Life::Ends
            }
        }
    }

    /// Repeats an initialisation that failed, as part of an invocation.
    async fn initialise_again(&mut self, Invocation { request, reply_to, .. }: Invocation) -> Life {
        self.worker.open_log(&request, false);
        let (started, failed) = match self.worker.start_again().await {
            Ok(started) => (started, None),
            Err(failed) => (failed.started, Some(failed)),
        };
        let serving = Serving { request, reply_to, started, age: None, init_duration: None };
        let Some(failed) = failed else {
            self.ready = Some(Instant::now());
            self.lease.initialised();
            self.serve(serving);
            return Life::GoesOn;
        };
        drop(self.lease.end());
        self.reply(serving, failed);
        Life::Ends
    }

    fn begin(&mut self, Invocation { request, reply_to, .. }: Invocation) -> Life {
        self.worker.open_log(&request, self.work.is_busy());
        let init_duration = self.worker.take_init_duration();
        let started = Instant::now();
        let age = self.ready.map(|ready| started.duration_since(ready));
        self.serve(Serving { request, reply_to, started, age, init_duration });
        Life::GoesOn
    }

    fn serve(&mut self, serving: Serving) {
        self.worker.offer(&serving.request, serving.started);
        self.work.add(serving);
    }

    async fn react(&mut self, occurrence: Occurrence, at: Instant) -> Life {
        match occurrence {
            Occurrence::News(News::Ready) => {
                self.work.is_idle_since(at);
                self.work.came_back();
                self.lease.ready();
            }
            Occurrence::News(News::Finished(request_id, outcome)) => self.finish(&request_id, outcome, at),
            // This comes before the first event only.
            Occurrence::News(News::InitFailed(_)) => {}
            Occurrence::Exited(exit) => {
                tracing::debug!("an environment ended: {exit}");
                self.fail_all(&Failure::Exited(exit), at).await;
                return Life::Ends;
            }
        }
        Life::GoesOn
    }

    /// A request has been served, or will not be. The others go on.
    fn finish(&mut self, request_id: &str, outcome: Outcome, at: Instant) {
        if let Some(serving) = self.work.take(request_id) {
            let timed = Timed { started: serving.started, ended: at, result: outcome };
            self.work.replied(at);
            self.reply_then(serving, timed, |lease| lease.finished());
        }
    }

    /// Ends the program, and all requests with it.
    async fn fail_all(&mut self, failure: &Failure, at: Instant) {
        self.worker.sample_memory();
        self.worker.kill().await;
        for invocation in self.lease.end() {
            self.begin(invocation);
        }
        for serving in self.work.take_all() {
            let timed = Timed { started: serving.started, ended: at, result: Err(failure.clone()) };
            self.reply(serving, timed);
        }
    }

    fn reply(&mut self, serving: Serving, timed: Timed<bytes::Bytes>) {
        self.reply_then(serving, timed, |_| {});
    }

    /// Replies at once. The pool is told first, so that the client's next request waits for this environment.
    fn reply_then(&mut self, serving: Serving, timed: Timed<bytes::Bytes>, tell: impl FnOnce(&Lease)) {
        let log_tail = self.worker.report(&serving, &timed, self.work.is_busy());
        tell(&self.lease);
        // If the client has left, nobody needs the reply.
        let log_stream = Some(log_stream(self.lease.id()));
        let reply = Reply { outcome: timed.result, log_tail, log_stream, environment_age: serving.age };
        let _ = serving.reply_to.send(reply);
    }

    /// Does what is due.
    async fn look_around(&mut self, now: Instant) -> Life {
        match self.work.due(now) {
            None => Life::GoesOn,
            Some(Due::SampleMemory) => {
                self.worker.sample_memory();
                Life::GoesOn
            }
            Some(Due::Lingers) => {
                self.lease.lingers();
                Life::GoesOn
            }
            Some(Due::TimedOut { request_id, deadline }) => self.time_out(&request_id, deadline).await,
            Some(Due::GaveUp) => {
                // The runtime does something else for longer than a request may take.
                if !self.work.is_lost(self.blueprint.slots()) {
                    return Life::GoesOn;
                }
                self.worker.kill().await;
                Life::Ends
            }
            Some(Due::Idle) => {
                if self.lease.end_idle() {
                    Life::Ends
                } else {
                    Life::GoesOn
                }
            }
        }
    }

    /// The environment gets no further requests. It ends as soon as it serves none.
    async fn time_out(&mut self, request_id: &str, deadline: Instant) -> Life {
        let failure = Failure::TimedOut(self.blueprint.function.timeout);
        if self.blueprint.slots() == 1 {
            self.fail_all(&failure, deadline).await;
            return Life::Ends;
        }
        self.worker.withdraw(request_id);
        self.lease.retire();
        self.finish(request_id, Err(failure), deadline);
        Life::GoesOn
    }
}
