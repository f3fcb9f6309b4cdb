//! The state of the account: its functions, their environments, and the requests under way.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::environment::{Blueprint, Environment};
use crate::invocation::{Invocation, Reply, Request, Throttled};
use crate::lease::Leases;
use crate::outcome::Failure;

/// All functions and their environments.
#[derive(Debug)]
pub(crate) struct Service {
    region: String,
    functions: Vec<Arc<Blueprint>>,
    leases: Arc<Leases>,
    stopping: CancellationToken,
    tasks: TaskTracker,
}

/// A reply that is still to come.
#[derive(Debug)]
pub(crate) struct PendingReply {
    reply: oneshot::Receiver<Reply>,
    stopping: CancellationToken,
}

impl PendingReply {
    /// Waits for the reply.
    pub(crate) async fn wait(self) -> Reply {
        let Self { reply, stopping } = self;
        reply.await.unwrap_or_else(|_| {
            let failure = if stopping.is_cancelled() {
                Failure::Stopping
            } else {
                Failure::Unavailable("its environment was lost: see lambda-local's log".to_owned())
            };
            Reply { outcome: Err(failure), log_tail: Bytes::new() }
        })
    }
}

impl Service {
    /// A service without environments, which serves at most `concurrency` requests at a time. What has to end before
    /// the server has stopped is spawned on `tasks`.
    pub(crate) fn new(
        region: String,
        functions: Vec<Blueprint>,
        concurrency: usize,
        tasks: TaskTracker,
    ) -> Self {
        let leases = Leases::new(functions.len(), concurrency);
        let functions = functions.into_iter().map(Arc::new).collect();
        Self { region, functions, leases, stopping: CancellationToken::new(), tasks }
    }

    /// The region of all functions.
    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// The number of the function `name`.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.functions.iter().position(|blueprint| blueprint.function.name == name)
    }

    /// Cancelled when the server stops.
    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// The work that has to end before the server has stopped.
    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// Gives the request to an environment, which serves it even if nobody waits for the reply any more.
    ///
    /// # Errors
    /// If as many requests are being served as may be.
    pub(crate) fn invoke(&self, function: usize, request: Request) -> Result<PendingReply, Throttled> {
        let (reply_to, reply) = oneshot::channel();
        let new = self.leases.assign(function, Invocation { request, reply_to })?;
        if let Some(lease) = new {
            let environment = Environment::new(lease, &self.functions[function], self.stopping.clone());
            self.tasks.spawn(environment.run());
        }
        Ok(PendingReply { reply, stopping: self.stopping.clone() })
    }

    /// Returns when an environment has become idle or has ended since the last call.
    pub(crate) async fn released(&self) {
        self.leases.released().await;
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use tokio::runtime::Builder;

    use super::*;
    use crate::backend::fake::FakeBackend;
    use crate::config::{FunctionConfig, Program};

    /// A service with one function, which is called `fake` and may take 30 s.
    pub(crate) fn service(backend: FakeBackend, concurrency: usize) -> Service {
        let function = FunctionConfig::new("fake", Program::executable("/fake"));
        let blueprint = Blueprint {
            function,
            region: "us-east-1".to_owned(),
            credentials: Vec::new(),
            idle_timeout: Duration::from_secs(300),
            init_timeout: Duration::from_secs(10),
            backend: Arc::new(backend),
        };
        Service::new("us-east-1".to_owned(), vec![blueprint], concurrency, TaskTracker::new())
    }

    #[test]
    fn an_environment_that_is_lost_makes_room_for_another() {
        let service = service(FakeBackend::new(|_| std::future::pending()), 1);
        let runtime = || Builder::new_current_thread().enable_all().build().unwrap();
        let first = runtime();
        let pending = first.block_on(async {
            let pending = service.invoke(0, Request::default()).unwrap();
            assert_eq!(service.invoke(0, Request::default()).unwrap_err(), Throttled::Concurrency);
            pending
        });
        // The environments are dropped, whatever they are doing.
        drop(first);
        runtime().block_on(async {
            let Err(Failure::Unavailable(reason)) = pending.wait().await.outcome else { panic!("served") };
            assert!(reason.contains("its environment was lost"), "{reason}");
            service.invoke(0, Request::default()).unwrap();
        });
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_under_way_is_told_that_the_server_stops() {
        let service = service(FakeBackend::new(|_| std::future::pending()), 1);
        let pending = service.invoke(0, Request::default()).unwrap();
        service.stopping().cancel();
        assert_eq!(pending.wait().await.outcome, Err(Failure::Stopping));
        service.tasks().close();
        service.tasks().wait().await;
    }
}
