//! What environments know of processes and containers.

use std::fmt::Debug;
use std::os::fd::OwnedFd;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use crate::outcome::{Exit, Failure};
use crate::runtime_api::{Caller, RuntimeApi};

/// Starts the programs of one function.
pub(crate) trait Backend: Debug + Send + Sync {
    /// The environment variables that depend on what runs the function, such as `_HANDLER`.
    fn variables(&self) -> Vec<(&'static str, String)>;

    /// How much CPU time the program gets once it has initialised; `None` if nothing limits it.
    fn cpu_limit(&self) -> Option<CpuLimit> {
        None
    }

    /// Starts the program with these environment variables, and a Runtime API that passes its calls to `caller`. Fails
    /// if there is no such program, or this machine or Docker cannot start it.
    fn start(
        &self,
        variables: Vec<(String, String)>,
        caller: Caller,
    ) -> BoxFuture<'_, Result<Started, Failure>>;
}

/// A limit of CPU time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CpuLimit {
    /// The CPU time within a period, in microseconds.
    pub(crate) quota_us: i64,
    /// The length of a period, in microseconds.
    pub(crate) period_us: i64,
}

/// A running program. Dropping it ends it, and all that it started.
pub(crate) trait RunningProgram: Debug + Send {
    /// Waits until the program exits. May be cancelled, and called again afterwards.
    fn exited(&mut self) -> BoxFuture<'_, Exit>;

    /// The runtime has asked for its first event. Limits that do not hold for an initialisation hold from then on.
    fn initialised(&mut self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Asks the program to end.
    fn terminate(&self);

    /// Ends the program immediately, whatever it does. A container is removed in the background: no reply waits for
    /// Docker.
    fn kill(self: Box<Self>) -> BoxFuture<'static, ()>;

    /// Ends a program that has nothing left to do. A container is removed in the background.
    fn end(self: Box<Self>) -> BoxFuture<'static, ()>;

    /// The most memory that the program has had resident so far, in KiB. `None` if that cannot be seen.
    fn peak_memory_kib(&self) -> Option<u64>;
}

/// A program that has just been started.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) program: Box<dyn RunningProgram>,
    /// The API that the program uses. `None` if it makes its calls without HTTP, as in tests.
    pub(crate) api: Option<RuntimeApi>,
    /// The program's standard output and standard error.
    pub(crate) output: OwnedFd,
    /// When the program's process was started.
    pub(crate) at: Instant,
}
