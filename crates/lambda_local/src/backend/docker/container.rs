//! The container of an environment.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use bollard::errors::Error;
use bollard::query_parameters::{KillContainerOptionsBuilder, WaitContainerOptions};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::cleanup;
use super::create_request::{ContainerSpec, cpu_limit, cpu_request};
use super::daemon::Docker;
use super::error::DockerError;
use super::startup::{Up, bring_up, function_process};
use crate::backend::procfs;
use crate::backend::program::RunningProgram;
use crate::outcome::{Exit, Failure};

/// How long after a container has exited its last output may take to arrive.
const LAST_OUTPUT_WITHIN: Duration = Duration::from_secs(1);
/// If a signal ends a program, its exit code is this and the number of the signal.
const SIGNAL_CODES: i64 = 128;
const SIGNALS: std::ops::RangeInclusive<i64> = 1..=64;

/// A running container. Dropping it ends and removes the container in the background, before the server has stopped.
#[derive(Debug)]
pub(super) struct Container {
    docker: Arc<Docker>,
    id: String,
    memory_mb: u32,
    /// The first process in the container, which started that of the function.
    init: Option<u32>,
    exit: watch::Receiver<Option<Exit>>,
    #[expect(dead_code, reason = "held to keep the container")]
    kept: DropGuard,
}

impl Container {
    /// Starts a container.
    ///
    /// # Errors
    /// If Docker refuses or fails, or the server stops.
    pub(super) async fn start(docker: &Arc<Docker>, spec: ContainerSpec) -> Result<(Self, Up), DockerError> {
        let (reply, answer) = oneshot::channel();
        let memory_mb = spec.memory_mb;
        let kept = CancellationToken::new();
        docker.tasks.spawn(keep(Arc::clone(docker), spec, kept.clone(), reply));
        // From here on, whoever stops waiting drops the guard, and the container is removed.
        let kept = kept.drop_guard();
        let (up, exit) = answer.await.map_err(|_| DockerError::Stopping)??;
        Ok((Self { docker: Arc::clone(docker), id: up.id.clone(), memory_mb, init: up.init, exit, kept }, up))
    }

    async fn exited(&mut self) -> Exit {
        let lost = || Exit::Lost("the container is gone".to_owned());
        let exit = self.exit.wait_for(Option::is_some).await;
        exit.ok().and_then(|exit| exit.clone()).unwrap_or_else(lost)
    }

    async fn limit_cpu(&mut self) -> Result<(), Failure> {
        let request = cpu_request(cpu_limit(self.memory_mb, self.docker.cpus));
        let limited = self.docker.client.update_container(&self.id, request).await;
        let limited = limited.map_err(DockerError::refused("limit the CPU of a container"));
        limited.map_err(|error| Failure::Unavailable(error.to_string()))
    }

    fn signal(&self, signal: &'static str) {
        let (docker, id) = (Arc::clone(&self.docker), self.id.clone());
        self.docker.tasks.spawn(async move {
            let options = KillContainerOptionsBuilder::default().signal(signal).build();
            // The container may have ended by itself.
            let _ = docker.client.kill_container(&id, Some(options)).await;
        });
    }
}

impl RunningProgram for Container {
    fn exited(&mut self) -> BoxFuture<'_, Exit> {
        Box::pin(self.exited())
    }

    fn initialised(&mut self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(self.limit_cpu())
    }

    fn terminate(&self) {
        self.signal("SIGTERM");
    }

    fn kill(self: Box<Self>) -> BoxFuture<'static, ()> {
        // The removal, which would end the program too, may have to wait for its turn.
        self.signal("SIGKILL");
        Box::pin(std::future::ready(()))
    }

    fn end(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    fn peak_memory_kib(&self) -> Option<u64> {
        procfs::peak_memory_kib(function_process(self.init?, &self.id)?)
    }
}

/// A container that is up, and how its program exits.
type Kept = (Up, watch::Receiver<Option<Exit>>);

/// Starts a container, keeps it while it is `wanted` and runs, and removes it, whatever happens.
async fn keep(
    docker: Arc<Docker>,
    spec: ContainerSpec,
    wanted: CancellationToken,
    reply: oneshot::Sender<Result<Kept, DockerError>>,
) {
    let Some(Ok(slot)) = wanted.run_until_cancelled(docker.slots.acquire()).await else { return };
    let name = docker.next_name();
    // Not cancelled half-way: the daemon may still do what it has been asked for.
    let brought_up = bring_up(&docker, &name, &spec).await;
    drop(slot);
    match brought_up {
        Ok((up, forwarding)) => {
            let (exits, exit) = watch::channel(None);
            if reply.send(Ok((up, exit))).is_ok() {
                wanted.run_until_cancelled(watch_exit(&docker, &name, &exits, forwarding)).await;
            }
        }
        // If nobody waits any more, nobody needs the error.
        Err(error) => _ = reply.send(Err(error)),
    }
    // Nobody closes the semaphore, so this is always a slot.
    let _slot = docker.slots.acquire().await;
    if let Err(error) = cleanup::remove_container(&docker.client, &name).await {
        tracing::warn!("the container {name} was not removed: {error}");
    }
}

/// Waits until the container has exited and its output has arrived, and says how it exited.
async fn watch_exit(
    docker: &Docker,
    name: &str,
    exits: &watch::Sender<Option<Exit>>,
    forwarding: JoinHandle<()>,
) {
    let mut waiting = docker.client.wait_container(name, None::<WaitContainerOptions>);
    let exit = match waiting.next().await {
        Some(Ok(exit)) => exit_from_code(exit.status_code),
        Some(Err(Error::DockerContainerWaitError { code, .. })) => exit_from_code(code),
        Some(Err(error)) => Exit::Lost(error.to_string()),
        None => Exit::Lost("Docker does not say how".to_owned()),
    };
    // A process that the function started elsewhere may hold its output open.
    let _ = timeout(LAST_OUTPUT_WITHIN, forwarding).await;
    exits.send_replace(Some(exit));
}

fn exit_from_code(code: i64) -> Exit {
    let signal = code - SIGNAL_CODES;
    let status = if SIGNALS.contains(&signal) { signal } else { (code & 0xff) << 8 };
    i32::try_from(status).map_or_else(
        |_| Exit::Lost(format!("exit code {code}")),
        |status| Exit::Status(ExitStatus::from_raw(status)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_code_says_whether_a_signal_ended_the_program() {
        for (code, expected) in [
            (0, "Runtime exited without providing a reason"),
            (1, "Runtime exited with error: exit status 1"),
            (127, "Runtime exited with error: exit status 127"),
            (137, "Runtime exited with error: signal: killed"),
            (134, "Runtime exited with error: signal: aborted"),
            (255, "Runtime exited with error: exit status 255"),
        ] {
            assert_eq!(exit_from_code(code).to_string(), expected);
        }
    }
}
