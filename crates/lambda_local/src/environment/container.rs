//! The container of an environment.

use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bollard::container::{AttachContainerResults, LogOutput};
use bollard::errors::Error;
use bollard::models::ContainerInspectResponse;
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, KillContainerOptionsBuilder,
    WaitContainerOptions,
};
use futures_util::{Stream, StreamExt};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::docker::{Docker, DockerError};
use super::exit::Exit;
use super::{cleanup, container_body, proc};

/// How long after its end a container's last output may take to come.
const LAST_OUTPUT_WITHIN: Duration = Duration::from_secs(1);
/// A program that a signal ended gives this and the signal's number as its exit code.
const SIGNAL_CODES: i64 = 128;
const SIGNALS: std::ops::RangeInclusive<i64> = 1..=64;

/// What to start.
#[derive(Debug, Clone)]
pub(crate) struct ContainerSpec {
    pub(crate) image_id: String,
    /// In MB (2^20 bytes); the share of the CPUs follows from it.
    pub(crate) memory_mb: u32,
    /// What the environment holds beyond that of the image, over which it wins.
    pub(crate) environment: Vec<(String, String)>,
}

/// A running container; dropping it ends and removes it, which the server waits for before it has stopped.
#[derive(Debug)]
pub(crate) struct Container {
    docker: Arc<Docker>,
    id: String,
    /// The first process in it, which started the function's.
    init: Option<u32>,
    exit: watch::Receiver<Option<Exit>>,
    #[expect(dead_code, reason = "held to keep the container")]
    kept: DropGuard,
}

/// A container that has just been started.
#[derive(Debug)]
pub(crate) struct StartedContainer {
    pub(crate) container: Container,
    /// Its standard output and error.
    pub(crate) output: OwnedFd,
    /// When its process was started, within the 10 ms that the kernel tells.
    pub(crate) at: Instant,
    /// Where its connections come from.
    pub(crate) address: IpAddr,
}

impl Container {
    /// Starts a container.
    ///
    /// # Errors
    /// If Docker refuses or fails, or the server stops.
    pub(crate) async fn start(
        docker: &Arc<Docker>,
        spec: ContainerSpec,
    ) -> Result<StartedContainer, DockerError> {
        let (reply, answer) = oneshot::channel();
        let kept = CancellationToken::new();
        docker.tasks.spawn(keep(Arc::clone(docker), spec, kept.clone(), reply));
        // From here on, whoever stops waiting drops the guard, and the container goes.
        let kept = kept.drop_guard();
        let Up { id, init, at, address, output, exit } =
            answer.await.map_err(|_| DockerError::Stopping)??;
        let container = Self { docker: Arc::clone(docker), id, init, exit, kept };
        Ok(StartedContainer { container, output, at, address })
    }

    /// Waits until its program exits. May be cancelled, and called again afterwards.
    pub(crate) async fn exited(&mut self) -> Exit {
        let lost = || Exit::Lost("the container is gone".to_owned());
        let exit = self.exit.wait_for(Option::is_some).await;
        exit.ok().and_then(|exit| exit.clone()).unwrap_or_else(lost)
    }

    /// Asks its program to end.
    pub(crate) fn terminate(&self) {
        self.signal("SIGTERM");
    }

    /// Ends its program at once, though the container's removal has to wait for its turn.
    pub(crate) fn kill(self) {
        self.signal("SIGKILL");
    }

    /// The most memory that its program had resident so far, in KiB; `None` if that cannot be seen.
    pub(crate) fn peak_memory_kib(&self) -> Option<u64> {
        proc::peak_memory_kib(function_process(self.init?, &self.id)?)
    }

    fn signal(&self, signal: &'static str) {
        let (docker, id) = (Arc::clone(&self.docker), self.id.clone());
        self.docker.tasks.spawn(async move {
            let options = KillContainerOptionsBuilder::default().signal(signal).build();
            // It may have ended by itself.
            let _ = docker.client.kill_container(&id, Some(options)).await;
        });
    }
}

/// What has come up.
struct Up {
    id: String,
    init: Option<u32>,
    at: Instant,
    address: IpAddr,
    output: OwnedFd,
    exit: watch::Receiver<Option<Exit>>,
}

/// Brings a container up, keeps it while it is `wanted` and runs, and removes it, whatever happens.
async fn keep(
    docker: Arc<Docker>,
    spec: ContainerSpec,
    wanted: CancellationToken,
    reply: oneshot::Sender<Result<Up, DockerError>>,
) {
    let Some(Ok(slot)) = wanted.run_until_cancelled(docker.slots.acquire()).await else { return };
    let name = docker.next_name();
    // Not cancelled half-way: what the daemon has been asked for may come later.
    let brought_up = bring_up(&docker, &name, &spec).await;
    drop(slot);
    match brought_up {
        Ok((up, exits, forwarding)) => {
            if reply.send(Ok(up)).is_ok() {
                wanted.run_until_cancelled(watch_exit(&docker, &name, &exits, forwarding)).await;
            }
        }
        // If nobody waits any more, nobody misses it.
        Err(error) => _ = reply.send(Err(error)),
    }
    // There is one always: nobody closes it.
    let _slot = docker.slots.acquire().await;
    if let Err(error) = cleanup::remove_container(&docker.client, &name).await {
        tracing::warn!("the container {name} was not removed: {error}");
    }
}

async fn bring_up(
    docker: &Docker,
    name: &str,
    spec: &ContainerSpec,
) -> Result<(Up, watch::Sender<Option<Exit>>, JoinHandle<()>), DockerError> {
    let client = &docker.client;
    let options = CreateContainerOptionsBuilder::default().name(name).build();
    let created = client.create_container(Some(options), container_body::of(spec, docker)).await;
    let created = created.map_err(DockerError::refused("make a container"))?;
    for warning in created.warnings {
        tracing::warn!("Docker warns about the container {name}: {warning}");
    }
    let options = AttachContainerOptionsBuilder::default().stream(true).stdout(true).stderr(true).build();
    let attached = client.attach_container(name, Some(options)).await;
    let AttachContainerResults { output, .. } =
        attached.map_err(DockerError::refused("follow the output of a container"))?;
    client.start_container(name, None).await.map_err(DockerError::refused("start a container"))?;
    let found = client.inspect_container(name, None).await;
    let found = found.map_err(DockerError::refused("describe a container"))?;
    let (sender, receiver) = pipe::pipe().map_err(DockerError::Pipe)?;
    let forwarding = docker.tasks.spawn(forward(output, sender));
    let receiver = receiver.into_nonblocking_fd().map_err(DockerError::Pipe)?;
    let (exits, exit) = watch::channel(None);
    Ok((described(found, docker, created.id, receiver, exit)?, exits, forwarding))
}

fn described(
    found: ContainerInspectResponse,
    docker: &Docker,
    id: String,
    output: OwnedFd,
    exit: watch::Receiver<Option<Exit>>,
) -> Result<Up, DockerError> {
    let networks = found.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
    let address = networks.get(&docker.network).and_then(|network| network.ip_address.as_deref());
    // One that has exited already has none any more, and needs none.
    let address = address.and_then(|address| address.parse().ok()).unwrap_or(docker.gateway);
    let state = found.state.unwrap_or_default();
    let init = state.pid.and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid > 0);
    let process = init.and_then(|init| function_process(init, &id));
    let at = started_at(state.started_at.as_deref(), process);
    Ok(Up { id, init, at, address, output, exit })
}

/// The process of the function, which the first process of the container has started.
fn function_process(init: u32, container: &str) -> Option<u32> {
    proc::first_child(init).filter(|process| proc::is_in_container(*process, container))
}

/// When the function's process was started: as Docker says, but not outside of the 10 ms that the kernel says.
fn started_at(docker: Option<&str>, process: Option<u32>) -> Instant {
    let now = Instant::now();
    let said = docker.and_then(|said| OffsetDateTime::parse(said, &Rfc3339).ok());
    let age = said.and_then(|said| SystemTime::now().duration_since(said.into()).ok()).unwrap_or_default();
    let age = match process.and_then(proc::age) {
        Some((least, most)) => age.clamp(least, most),
        None => age,
    };
    now.checked_sub(age).unwrap_or(now)
}

/// Passes output on until the container or its log has ended.
async fn forward(mut output: impl Stream<Item = Result<LogOutput, Error>> + Unpin, mut pipe: pipe::Sender) {
    while let Some(Ok(chunk)) = output.next().await {
        if pipe.write_all(&chunk.into_bytes()).await.is_err() {
            return;
        }
    }
}

/// Waits until the program exits, and tells it once all of its output has come.
async fn watch_exit(
    docker: &Docker,
    name: &str,
    exits: &watch::Sender<Option<Exit>>,
    forwarding: JoinHandle<()>,
) {
    let mut waiting = docker.client.wait_container(name, None::<WaitContainerOptions>);
    let exit = match waiting.next().await {
        Some(Ok(exit)) => exit_of(exit.status_code),
        Some(Err(Error::DockerContainerWaitError { code, .. })) => exit_of(code),
        Some(Err(error)) => Exit::Lost(error.to_string()),
        None => Exit::Lost("Docker does not say how".to_owned()),
    };
    // A process that it started elsewhere may hold its output open.
    let _ = timeout(LAST_OUTPUT_WITHIN, forwarding).await;
    exits.send_replace(Some(exit));
}

fn exit_of(code: i64) -> Exit {
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
    fn exit_codes_tell_signals() {
        for (code, expected) in [
            (0, "Runtime exited without providing a reason"),
            (1, "Runtime exited with error: exit status 1"),
            (127, "Runtime exited with error: exit status 127"),
            (137, "Runtime exited with error: signal: killed"),
            (134, "Runtime exited with error: signal: aborted"),
            (255, "Runtime exited with error: exit status 255"),
        ] {
            assert_eq!(exit_of(code).to_string(), expected);
        }
    }
}
