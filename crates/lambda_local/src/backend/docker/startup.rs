//! The start of a container.

use std::net::IpAddr;
use std::os::fd::OwnedFd;

use bollard::container::{AttachContainerResults, LogOutput};
use bollard::errors::Error;
use bollard::models::ContainerInspectResponse;
use bollard::query_parameters::{AttachContainerOptionsBuilder, CreateContainerOptionsBuilder};
use futures_util::{Stream, StreamExt};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::create_request::{ContainerSpec, create_request};
use super::daemon::Docker;
use super::error::DockerError;
use crate::backend::procfs;
use crate::clock;

/// A container that has been started.
#[derive(Debug)]
pub(super) struct Up {
    pub(super) id: String,
    /// The first process in the container. `None` if it has exited already.
    pub(super) init: Option<u32>,
    /// When the function's process was started, accurate to the 10 ms of the kernel's clock ticks.
    pub(super) at: Instant,
    /// Where the container's connections come from.
    pub(super) address: IpAddr,
    /// Its standard output and standard error.
    pub(super) output: OwnedFd,
}

/// Starts a container, and a task that forwards its output.
///
/// # Errors
/// If Docker refuses or fails.
pub(super) async fn bring_up(
    docker: &Docker,
    name: &str,
    spec: &ContainerSpec,
) -> Result<(Up, JoinHandle<()>), DockerError> {
    let client = &docker.client;
    let options = CreateContainerOptionsBuilder::default().name(name).build();
    let created = client.create_container(Some(options), create_request(spec, docker)).await;
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
    Ok((describe(found, docker, created.id, receiver), forwarding))
}

/// The process of the function, which the first process of the container has started.
pub(super) fn function_process(init: u32, container: &str) -> Option<u32> {
    procfs::first_child(init).filter(|process| procfs::is_in_container(*process, container))
}

fn describe(found: ContainerInspectResponse, docker: &Docker, id: String, output: OwnedFd) -> Up {
    let networks = found.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
    let address = networks.get(&docker.network).and_then(|network| network.ip_address.as_deref());
    // A container that has exited already has no address any more, and needs none.
    let address = address.and_then(|address| address.parse().ok()).unwrap_or(docker.gateway);
    let state = found.state.unwrap_or_default();
    let init = state.pid.and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid > 0);
    let process = init.and_then(|init| function_process(init, &id));
    let at = started_at(state.started_at.as_deref(), process);
    Up { id, init, at, address, output }
}

/// When the function's process was started: as Docker says, but within the clock tick that the kernel says.
fn started_at(docker: Option<&str>, process: Option<u32>) -> Instant {
    let now = Instant::now();
    let said = docker.and_then(|said| OffsetDateTime::parse(said, &Rfc3339).ok());
    let age = said.map(|said| clock::age(said.into())).unwrap_or_default();
    let age = match process.and_then(procfs::age) {
        Some((least, most)) => age.clamp(least, most),
        None => age,
    };
    now.checked_sub(age).unwrap_or(now)
}

/// Forwards the output until the container or its log has ended.
async fn forward(mut output: impl Stream<Item = Result<LogOutput, Error>> + Unpin, mut pipe: pipe::Sender) {
    while let Some(Ok(chunk)) = output.next().await {
        if pipe.write_all(&chunk.into_bytes()).await.is_err() {
            return;
        }
    }
}
