//! The life of an execution environment: it serves one request at a time, until it is no longer needed or fails.
//!
//! An environment knows its [`Lease`] and its [`Blueprint`]. It does not know the service that started it.

mod blueprint;
mod log;
mod report;
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
use self::worker::Worker;
use crate::invocation::Invocation;
use crate::lease::Lease;

/// How long a reply waits for the runtime to ask for the next event. Then a client that sends its next request
/// immediately finds this environment idle, instead of causing a cold start.
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
    pub(crate) fn new(lease: Lease, blueprint: &Arc<Blueprint>, stopping: CancellationToken) -> Self {
        let worker = Worker::new(Arc::clone(blueprint), lease.id());
        Self { lease, worker, blueprint: Arc::clone(blueprint), stopping }
    }

    /// Serves until the environment is no longer needed, fails, or the server stops. Leaves no process behind.
    pub(crate) async fn run(mut self) {
        let stopping = self.stopping.clone();
        stopping.run_until_cancelled(self.serve_all()).await;
        self.worker.end().await;
    }

    async fn serve_all(&mut self) {
        while let Some(invocation) = self.next_invocation().await {
            if !self.serve(invocation).await {
                return;
            }
        }
    }

    /// The next invocation. `None` if the environment has ended because none came.
    async fn next_invocation(&mut self) -> Option<Invocation> {
        loop {
            let idle_until = Instant::now() + self.blueprint.idle_timeout;
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

    /// Serves one request and replies to it. False if the environment has ended.
    async fn serve(&mut self, Invocation { request, reply_to }: Invocation) -> bool {
        let handled = self.worker.handle(&request).await;
        let finished = Instant::now();
        let mut readiness = self.worker.settle(finished + SETTLE_GRACE).await;
        let reply = self.worker.report(&request, handled);
        // The environment is idle before the client can know, so that the client's next request finds it.
        self.hand_back(readiness);
        // If the client has left, nobody needs the reply.
        let _ = reply_to.send(reply);
        if readiness == Readiness::Busy {
            readiness = self.worker.settle(finished + self.blueprint.function.timeout).await;
            if readiness == Readiness::Busy {
                self.worker.kill().await;
                readiness = Readiness::Gone;
            }
            self.hand_back(readiness);
        }
        readiness == Readiness::Ready
    }

    fn hand_back(&mut self, readiness: Readiness) {
        match readiness {
            Readiness::Ready => self.lease.release(),
            Readiness::Gone => self.lease.end_busy(),
            Readiness::Busy => {}
        }
    }
}
