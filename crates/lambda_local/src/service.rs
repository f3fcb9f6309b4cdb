//! The state of the account: its functions, their environments, and the requests under way.

use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::environment::{Blueprint, Environment};
use crate::invocation::{Invocation, Reply, Request, Throttled};
use crate::lease::{Launch, Leases};
use crate::outcome::Failure;
use crate::pool::{Limits, Ticket};

/// All functions and their environments.
#[derive(Debug)]
pub(crate) struct Service {
    region: String,
    /// The names of the functions, by number.
    names: Vec<String>,
    blueprints: Blueprints,
    leases: Arc<Leases>,
    stopping: CancellationToken,
    tasks: TaskTracker,
}

/// What new environments of each function are like.
type Blueprints = Arc<[RwLock<Arc<Blueprint>>]>;

/// A reply that is still to come. Dropping it drops the request if it still waits for an environment.
#[derive(Debug)]
pub(crate) struct PendingReply {
    reply: oneshot::Receiver<Reply>,
    /// The request, until its reply has come.
    waiting: Option<(usize, Ticket)>,
    leases: Arc<Leases>,
    stopping: CancellationToken,
}

impl PendingReply {
    /// Waits for the reply.
    pub(crate) async fn wait(mut self) -> Reply {
        let reply = (&mut self.reply).await;
        self.waiting = None;
        reply.unwrap_or_else(|_| {
            let failure = if self.stopping.is_cancelled() {
                Failure::Stopping
            } else {
                Failure::Unavailable("its environment was lost: see lambda-local's log".to_owned())
            };
            Reply { outcome: Err(failure), log_tail: Bytes::new(), log_stream: None, environment_age: None }
        })
    }
}

impl Drop for PendingReply {
    fn drop(&mut self) {
        if let Some((function, ticket)) = self.waiting {
            self.leases.leave(function, ticket);
        }
    }
}

impl Service {
    /// A service without environments. What has to end before the server has stopped is spawned on `tasks`.
    pub(crate) fn new(
        region: String,
        blueprints: Vec<Blueprint>,
        limits: Limits,
        tasks: TaskTracker,
    ) -> Self {
        let names = blueprints.iter().map(|blueprint| blueprint.function.name.clone()).collect();
        let slots: Vec<_> = blueprints.iter().map(Blueprint::slots).collect();
        let blueprints: Blueprints =
            blueprints.into_iter().map(|blueprint| RwLock::new(Arc::new(blueprint))).collect();
        let stopping = CancellationToken::new();
        let launch = launch(Arc::clone(&blueprints), stopping.clone(), tasks.clone());
        let leases = Leases::new(&slots, limits, launch);
        Self { region, names, blueprints, leases, stopping, tasks }
    }

    /// The region of all functions.
    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// The number of the function `name`.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|other| other == name)
    }

    /// How many functions there are. Their numbers begin with zero.
    pub(crate) fn functions(&self) -> usize {
        self.blueprints.len()
    }

    /// Cancelled when the server stops.
    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// The work that has to end before the server has stopped.
    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// Stops: requests under way are told so, and environments end.
    pub(crate) fn stop(&self) {
        self.stopping.cancel();
        self.leases.stop();
    }

    /// Gives the request to an environment, now or when one is free. Once an environment serves it, it does so even if
    /// nobody waits for the reply any more.
    ///
    /// # Errors
    /// If there is no room for the request.
    pub(crate) fn invoke(&self, function: usize, request: Request) -> Result<PendingReply, Throttled> {
        let (reply_to, reply) = oneshot::channel();
        let ticket = self.leases.assign(function, Invocation::new(request, reply_to))?;
        let (leases, stopping) = (Arc::clone(&self.leases), self.stopping.clone());
        Ok(PendingReply { reply, waiting: Some((function, ticket)), leases, stopping })
    }

    /// Returns when there may be room for a request that was throttled.
    pub(crate) async fn room(&self, function: usize, throttled: Throttled) {
        self.leases.room(function, throttled).await;
    }
}

/// Settings that may change while the server runs.
impl Service {
    /// Sets how many requests of the function may be under way. No other function may use that share of the account.
    pub(crate) fn set_reserved_concurrency(&self, function: usize, limit: Option<usize>) {
        self.leases.set_reserved(function, limit);
    }

    /// Sets how many environments of the function are started ahead of requests. They have no idle time-out and are
    /// replaced when they end.
    pub(crate) fn set_provisioned_concurrency(&self, function: usize, count: usize) {
        self.leases.set_provisioned(function, count);
    }

    /// How many provisioned environments of the function have initialised.
    pub(crate) fn provisioned_environments(&self, function: usize) -> usize {
        self.leases.provisioned(function)
    }

    /// What new environments of the function are like.
    pub(crate) fn blueprint(&self, function: usize) -> Arc<Blueprint> {
        // A blueprint is replaced in one step, so a panic elsewhere leaves it whole.
        Arc::clone(&self.blueprints[function].read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes what new environments of the function are like. Those of the old blueprint end: the idle ones now, the
    /// others after their replies. Whoever changes the same function at the same time waits, so that no change is lost.
    /// How many requests an environment serves at a time stays as it was.
    ///
    /// # Errors
    /// If `change` fails. Then nothing has changed.
    pub(crate) fn change_blueprint<E>(
        &self,
        function: usize,
        change: impl FnOnce(&Blueprint) -> Result<Blueprint, E>,
    ) -> Result<(), E> {
        let mut current = self.blueprints[function].write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(change(&current)?);
        drop(current);
        self.leases.replace(function);
        Ok(())
    }
}

/// What starts an environment for a new lease.
fn launch(blueprints: Blueprints, stopping: CancellationToken, tasks: TaskTracker) -> Launch {
    Box::new(move |lease| {
        let blueprint = blueprints[lease.function()].read().unwrap_or_else(PoisonError::into_inner);
        let environment = Environment::new(lease, Arc::clone(&blueprint), stopping.clone());
        drop(blueprint);
        // While the async runtime ends, environments are dropped. Their leases must not start others.
        if let Ok(runtime) = Handle::try_current() {
            tasks.spawn_on(environment.run(), &runtime);
        }
    })
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
        let limits = Limits { concurrency, initialising: 1, waiting_bytes: 1 << 20 };
        Service::new("us-east-1".to_owned(), vec![blueprint], limits, TaskTracker::new())
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
        service.stop();
        assert_eq!(pending.wait().await.outcome, Err(Failure::Stopping));
        service.tasks().close();
        service.tasks().wait().await;
    }

    #[test]
    fn no_change_of_a_blueprint_is_lost() {
        let service = service(FakeBackend::new(|_| std::future::pending()), 1);
        let one_more = |blueprint: &Blueprint| -> Result<Blueprint, ()> {
            let function =
                FunctionConfig { memory_mb: blueprint.function.memory_mb + 1, ..blueprint.function.clone() };
            Ok(Blueprint { function, ..blueprint.clone() })
        };
        let before = service.blueprint(0).function.memory_mb;
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..100).for_each(|_| service.change_blueprint(0, one_more).unwrap()));
            }
        });
        assert_eq!(service.blueprint(0).function.memory_mb, before + 400);
        assert_eq!(service.change_blueprint(0, |_| Err("no")), Err("no"));
        assert_eq!(service.blueprint(0).function.memory_mb, before + 400);
    }
}
