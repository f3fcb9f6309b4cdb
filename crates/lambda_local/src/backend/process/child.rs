//! The operating-system process of an environment.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::sync::SetOnce;

use crate::backend::procfs;
use crate::backend::program::RunningProgram;
use crate::outcome::Exit;

/// A running process, which leads a group of its own. Dropping it kills all processes of the group.
#[derive(Debug)]
pub(super) struct Process {
    /// The number of the process and of its group.
    pid: Option<Pid>,
    /// Set once the process has exited, and what was left of its group has been killed.
    exit: Arc<SetOnce<Exit>>,
}

impl Process {
    pub(super) fn new(pid: Option<Pid>, exit: Arc<SetOnce<Exit>>) -> Self {
        Self { pid, exit }
    }

    async fn kill(self: Box<Self>) {
        self.signal_group(Signal::KILL);
        self.exit.wait().await;
    }

    fn signal_group(&self, signal: Signal) {
        // Once the group is gone, its number may be that of another one.
        if let Some(group) = self.pid.filter(|_| !self.exit.initialized()) {
            // The processes may have ended by themselves.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl RunningProgram for Process {
    fn exited(&mut self) -> BoxFuture<'_, Exit> {
        Box::pin(async { self.exit.wait().await.clone() })
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
        procfs::peak_memory_kib(self.pid?.as_raw_pid().try_into().ok()?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal_group(Signal::KILL);
    }
}
