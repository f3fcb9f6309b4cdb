//! The account: its functions, their environments, and the requests under way.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Config, FunctionConfig};
use crate::environment::{Environment, Launcher, PrepareError};
use crate::events::EventQueue;
use crate::invocation::{Completed, Invocation, Request, Unavailable};
use crate::pool::{Decision, EnvironmentId, Pool};

/// All functions and environments.
#[derive(Debug)]
pub(crate) struct Service {
    config: Config,
    launcher: Launcher,
    /// Cancelled when the server stops.
    stopping: CancellationToken,
    tasks: TaskTracker,
    state: Mutex<State>,
    /// Told when a request has been served, for events that wait for that.
    released: Notify,
    events: EventQueue,
}

#[derive(Debug)]
struct State {
    pool: Pool,
    mailboxes: HashMap<EnvironmentId, mpsc::Sender<Invocation>>,
}

/// As many requests are being served as may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Throttled;

/// The result of a request that an environment has been given.
#[derive(Debug)]
pub(crate) struct Outcome {
    result: oneshot::Receiver<Result<Completed, Unavailable>>,
    stopping: CancellationToken,
}

impl Outcome {
    /// Waits for it; `None` if the server stops.
    pub(crate) async fn wait(self) -> Option<Result<Completed, Unavailable>> {
        match self.result.await {
            Ok(result) => Some(result),
            Err(_) if self.stopping.is_cancelled() => None,
            Err(_) => Some(Err(Unavailable("its environment was lost: see lambda-local's log".to_owned()))),
        }
    }
}

impl Service {
    /// A service without environments.
    ///
    /// # Errors
    /// If processes cannot be started, or Docker or an image cannot be used.
    pub(crate) async fn new(config: Config) -> Result<Self, PrepareError> {
        let tasks = TaskTracker::new();
        let pool = Pool::new(config.functions.len(), config.concurrency);
        Ok(Self {
            launcher: Launcher::new(&config, tasks.clone()).await?,
            config,
            stopping: CancellationToken::new(),
            tasks,
            state: Mutex::new(State { pool, mailboxes: HashMap::new() }),
            released: Notify::new(),
            events: EventQueue::new(),
        })
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The function number `index`.
    pub(crate) fn function(&self, index: usize) -> &FunctionConfig {
        &self.config.functions[index]
    }

    /// The number of the function `name`.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.config.functions.iter().position(|function| function.name == name)
    }

    pub(crate) fn launcher(&self) -> &Launcher {
        &self.launcher
    }

    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// Work that has to end before the server has stopped.
    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    pub(crate) fn event_queue(&self) -> &EventQueue {
        &self.events
    }

    /// Gives the request to an environment, which serves it even if nobody waits for the result any more.
    pub(crate) fn invoke(self: &Arc<Self>, function: usize, request: Request) -> Result<Outcome, Throttled> {
        let (reply, result) = oneshot::channel();
        let mut state = self.state();
        let (id, new) = match state.pool.acquire(function) {
            Decision::Throttle => return Err(Throttled),
            Decision::Reuse(id) => (id, None),
            Decision::Start(id) => {
                let (mailbox, inbox) = mpsc::channel(1);
                state.mailboxes.insert(id, mailbox);
                (id, Some(Environment::new(Arc::clone(self), function, id, inbox)))
            }
        };
        // An environment has at most one request, so its mailbox is empty; it is gone only when the server stops.
        if let Some(mailbox) = state.mailboxes.get(&id) {
            let _ = mailbox.try_send(Invocation { request, reply });
        }
        // A runtime that ends drops the environment at once, which needs the state.
        drop(state);
        if let Some(environment) = new {
            self.tasks.spawn(environment.run());
        }
        Ok(Outcome { result, stopping: self.stopping.clone() })
    }

    /// Returns when a request has been served since the last call.
    pub(crate) async fn capacity(&self) {
        self.released.notified().await;
    }

    /// The environment can serve another request.
    pub(crate) fn release(&self, function: usize, id: EnvironmentId) {
        self.state().pool.release(function, id);
        self.released.notify_one();
    }

    /// The environment ended while it had a request.
    pub(crate) fn end_busy(&self, id: EnvironmentId) {
        let mut state = self.state();
        state.pool.end_busy();
        state.mailboxes.remove(&id);
        drop(state);
        self.released.notify_one();
    }

    /// The environment wants to end because it is idle; false if a request is on its way to it.
    pub(crate) fn end_idle(&self, function: usize, id: EnvironmentId) -> bool {
        let mut state = self.state();
        let ended = state.pool.end_idle(function, id);
        if ended {
            state.mailboxes.remove(&id);
        }
        ended
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is whole between any two statements that could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use bytes::Bytes;
    use tokio::runtime::Builder;

    use super::*;
    use crate::config::{FunctionConfig, Program};

    fn request() -> Request {
        let (request_id, trace_id) = Default::default();
        Request { request_id, trace_id, client_context: None, payload: Bytes::new() }
    }

    #[test]
    fn an_environment_that_is_lost_counts_no_longer() {
        let function = FunctionConfig::new("test", Program::Executable(PathBuf::from("/no/such/program")));
        let config = Config { concurrency: 1, ..Config::new(vec![function]) };
        let runtime = || Builder::new_current_thread().enable_all().build().unwrap();
        let first = runtime();
        let (service, outcome) = first.block_on(async {
            let service = Arc::new(Service::new(config).await.unwrap());
            let outcome = service.invoke(0, request()).unwrap();
            assert_eq!(service.invoke(0, request()).unwrap_err(), Throttled);
            (service, outcome)
        });
        // Its environments are dropped, wherever they are.
        drop(first);
        runtime().block_on(async {
            let Some(Err(Unavailable(reason))) = outcome.wait().await else { panic!("served by nobody") };
            assert!(reason.contains("its environment was lost"), "{reason}");
            service.invoke(0, request()).unwrap();
        });
    }
}
