//! The life of an execution environment: it initialises, and then serves one request at a time, until it is no longer
//! needed or fails.
//!
//! An environment knows its [`Lease`] and its [`Blueprint`]. It does not know the service that started it.

mod blueprint;
mod log;
pub(crate) mod report;
mod sandbox;
#[cfg(test)]
mod tests;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(crate) use self::blueprint::Blueprint;
use self::sandbox::Readiness;
use self::worker::{Handled, Worker};
use crate::invocation::Invocation;
use crate::lease::Lease;

/// How long after its reply a runtime is expected to ask for the next event. Meanwhile, a request waits for it rather
/// than for a new environment, so that a client that sends one request after the other causes one cold start.
const SETTLE_GRACE: Duration = Duration::from_millis(50);

/// An environment of one function.
#[derive(Debug)]
pub(crate) struct Environment {
    lease: Lease,
    worker: Worker,
    blueprint: Arc<Blueprint>,
    stopping: CancellationToken,
}

impl Environment {
    /// An environment that serves what comes through `lease`, and ends when `stopping` is cancelled.
    pub(crate) fn new(lease: Lease, blueprint: Arc<Blueprint>, stopping: CancellationToken) -> Self {
        let worker = Worker::new(Arc::clone(&blueprint), lease.id(), lease.is_provisioned());
        Self { lease, worker, blueprint, stopping }
    }

    /// Serves until the environment is no longer needed, fails, or the server stops. Leaves no process behind.
    pub(crate) async fn run(mut self) {
        let stopping = self.stopping.clone();
        stopping.run_until_cancelled(self.serve_all()).await;
        self.worker.end().await;
        self.lease.end();
    }

    async fn serve_all(&mut self) {
        if !self.initialise().await {
            return;
        }
        while let Some(invocation) = self.next_invocation().await {
            if !self.serve(invocation).await {
                return;
            }
        }
    }

    /// False if the environment is to end.
    async fn initialise(&mut self) -> bool {
        let initialised = tokio::select! {
            biased;
            // There are no invocations yet, so this is the order to end.
            _ = self.lease.invocation() => return false,
            initialised = self.worker.initialise() => initialised,
        };
        if initialised {
            self.lease.ready();
            return true;
        }
        match self.lease.adopt() {
            Some(invocation) => self.initialise_again(invocation).await,
            None => {
                let name = &self.blueprint.function.name;
                tracing::warn!("an environment of {name} could not initialise, and no request waits for it");
                false
            }
        }
    }

    /// Repeats an initialisation that failed, as part of an invocation. False if the environment is to end.
    async fn initialise_again(&mut self, Invocation { request, reply_to }: Invocation) -> bool {
        let handled = match self.worker.start_again(&request).await {
            Ok(started) => {
                self.lease.initialised();
                self.worker.invoke(&request, started).await
            }
            Err(handled) => handled,
        };
        self.reply(Invocation { request, reply_to }, handled).await
    }

    /// The next invocation. `None` if the environment is to end.
    async fn next_invocation(&mut self) -> Option<Invocation> {
        loop {
            let idle_timeout = (!self.lease.is_provisioned()).then_some(self.blueprint.idle_timeout);
            let idle_until = idle_timeout.map(|timeout| Instant::now() + timeout);
            tokio::select! {
                biased;
                invocation = self.lease.invocation() => return invocation,
                () = self.worker.idle(idle_until) => {}
            }
            if self.lease.end_idle() {
                return None;
            }
        }
    }

    /// Serves one request. False if the environment is to end.
    async fn serve(&mut self, invocation: Invocation) -> bool {
        let handled = self.worker.handle(&invocation.request).await;
        self.reply(invocation, handled).await
    }

    /// Replies at once, and then waits until the runtime asks for the next event. False if the environment is to end.
    async fn reply(&mut self, Invocation { request, reply_to }: Invocation, handled: Handled) -> bool {
        let finished = Instant::now();
        let reply = self.worker.report(&request, handled);
        // The pool knows before the client can, so that the client's next request waits for this environment.
        if self.worker.has_ended() {
            self.lease.end();
        } else {
            self.lease.finished();
        }
        // If the client has left, nobody needs the reply.
        let _ = reply_to.send(reply);
        let mut readiness = self.worker.settle(finished + SETTLE_GRACE).await;
        if readiness == Readiness::Busy {
            self.lease.lingers();
            readiness = self.worker.settle(finished + self.blueprint.function.timeout).await;
        }
        match readiness {
            Readiness::Ready => self.lease.ready(),
            Readiness::Busy => self.worker.kill().await,
            Readiness::Gone => {}
        }
        readiness == Readiness::Ready
    }
}
