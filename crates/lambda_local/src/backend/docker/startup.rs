//! The start of a container.

use std::collections::HashMap;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

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

use super::births::{Births, Window};
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
    /// When the function's process was started.
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
    let asked = Instant::now();
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
    let births = Births::watch(&created.id);
    client.start_container(name, None).await.map_err(DockerError::refused("start a container"))?;
    let found = client.inspect_container(name, None).await;
    let found = found.map_err(DockerError::refused("describe a container"))?;
    let births = births.finish();
    let (sender, receiver) = pipe::pipe().map_err(DockerError::Pipe)?;
    let forwarding = docker.tasks.spawn(forward(output, sender));
    let receiver = receiver.into_nonblocking_fd().map_err(DockerError::Pipe)?;
    let up = describe(found, docker, created.id, &births, receiver);
    let (before, after) = (up.at.saturating_duration_since(asked), up.at.elapsed());
    tracing::debug!(
        "the program of the container {name} was started {before:?} after Docker was asked, and {after:?} before Docker said so"
    );
    Ok((up, forwarding))
}

/// The process of the function, which the first process of the container has started.
pub(super) fn function_process(init: u32, container: &str) -> Option<u32> {
    procfs::first_child(init).filter(|process| procfs::is_in_container(*process, container))
}

fn describe(
    found: ContainerInspectResponse,
    docker: &Docker,
    id: String,
    births: &HashMap<u32, Window>,
    output: OwnedFd,
) -> Up {
    let networks = found.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
    let address = networks.get(&docker.network).and_then(|network| network.ip_address.as_deref());
    // A container that has exited already has no address any more, and needs none.
    let address = address.and_then(|address| address.parse().ok()).unwrap_or(docker.gateway);
    let state = found.state.unwrap_or_default();
    let init = state.pid.and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid > 0);
    let process = init.and_then(|init| function_process(init, &id));
    let at = started_at(state.started_at.as_deref(), process, births);
    Up { id, init, at, address, output }
}

/// When the function's process was started, from what Docker, the kernel and the list of the container's processes say.
fn started_at(docker: Option<&str>, process: Option<u32>, births: &HashMap<u32, Window>) -> Instant {
    let now = Instant::now();
    let said = docker.and_then(|said| OffsetDateTime::parse(said, &Rfc3339).ok());
    let said = said.map(|said| clock::age(said.into())).unwrap_or_default();
    let ticks = process.and_then(procfs::age);
    let window = process.and_then(|process| births.get(&process));
    let window = window.map(|(from, to)| (now - *to, now - *from));
    now.checked_sub(age(said, ticks, window)).unwrap_or(now)
}

/// The age of a process. The middle of the `window` in which it was first seen is the most accurate; what Docker `said`
/// comes too late. Neither counts outside of the kernel's `ticks`. Both pairs are the least and the most.
fn age(
    said: Duration,
    ticks: Option<(Duration, Duration)>,
    window: Option<(Duration, Duration)>,
) -> Duration {
    let age = window.map_or(said, |(least, most)| (least + most) / 2);
    ticks.map_or(age, |(least, most)| age.clamp(least, most))
}

/// Forwards the output until the container or its log has ended.
async fn forward(mut output: impl Stream<Item = Result<LogOutput, Error>> + Unpin, mut pipe: pipe::Sender) {
    while let Some(Ok(chunk)) = output.next().await {
        if pipe.write_all(&chunk.into_bytes()).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_accurate_of_three_clocks_counts() {
        let ms = Duration::from_millis;
        for (ticks, window, expected) in [
            (None, None, 20),
            (Some((ms(22), ms(32))), None, 22),
            (Some((ms(2), ms(12))), None, 12),
            (Some((ms(22), ms(32))), Some((ms(26), ms(28))), 27),
            // A look that came late does not move the start out of its tick.
            (Some((ms(22), ms(32))), Some((ms(10), ms(24))), 22),
            (Some((ms(22), ms(32))), Some((ms(30), ms(50))), 32),
            (None, Some((ms(26), ms(28))), 27),
        ] {
            assert_eq!(age(ms(20), ticks, window), ms(expected), "{ticks:?} {window:?}");
        }
    }
}
