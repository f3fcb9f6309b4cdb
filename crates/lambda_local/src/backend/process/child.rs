//! The operating-system process of an environment.

use futures_util::future::BoxFuture;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;

use crate::backend::procfs;
use crate::backend::program::RunningProgram;
use crate::outcome::Exit;

/// A running process. Dropping it kills the process and all processes of its group.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    /// `None` once the process has exited and what was left of its group has been killed.
    group: Option<Pid>,
}

impl Process {
    /// A process that leads a group of its own.
    pub(super) fn new(child: Child) -> Self {
        // The group has the number of its leader.
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Self { child, group }
    }

    async fn exited(&mut self) -> Exit {
        let status = self.child.wait().await;
        self.kill_group();
        match status {
            Ok(status) => Exit::Status(status),
            Err(error) => Exit::Lost(error.to_string()),
        }
    }

    async fn kill(mut self: Box<Self>) {
        self.signal_group(Signal::KILL);
        self.exited().await;
    }

    fn kill_group(&mut self) {
        self.signal_group(Signal::KILL);
        self.group = None;
    }

    fn signal_group(&self, signal: Signal) {
        if let Some(group) = self.group {
            // The processes may have ended by themselves.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl RunningProgram for Process {
    fn exited(&mut self) -> BoxFuture<'_, Exit> {
        Box::pin(self.exited())
    }

    fn terminate(&self) {
        self.signal_group(Signal::TERM);
    }

    fn kill(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(self.kill())
    }

    fn end(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(self.kill())
    }

    fn peak_memory_kib(&self) -> Option<u64> {
        procfs::peak_memory_kib(self.child.id()?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_group();
    }
}
