//! Removes containers and networks, and makes sure that they are gone.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use bollard::Docker as Client;
use bollard::errors::Error;
use bollard::models::{ContainerInspectResponse, ContainerStateStatusEnum};
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, RemoveContainerOptionsBuilder,
};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;

use super::owner::{OWNER_LABEL, Owner};
use crate::clock;

/// How often the removal of a container is tried.
const CONTAINER_TRIES: u32 = 20;
/// How often the removal of a network is tried.
const NETWORK_TRIES: u32 = 4;
/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(250);
/// How long after it was made a container may start.
const STARTED_WITHIN: Duration = Duration::from_secs(10);

/// Ends and removes a container. If somebody else removes it, that is no error.
pub(super) async fn remove_container(client: &Client, name: &str) -> Result<(), Error> {
    let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
    until_gone(CONTAINER_TRIES, || client.remove_container(name, Some(options.clone()))).await
}

/// Removes all containers and networks with the label `filter`: `KEY` or `KEY=VALUE`. Returns how many there were.
///
/// # Errors
/// The first error, after the removal of everything has been tried.
pub(super) async fn remove_labelled(client: &Client, filter: &str) -> Result<usize, Error> {
    let (containers, networks) = list(client, filter).await?;
    let mut result = Ok(containers.len() + networks.len());
    for container in containers {
        until_started(client, &container.id).await;
        let removed = remove_container(client, &container.id).await;
        result = result.and_then(|count| removed.map(|()| count));
    }
    for network in networks {
        let removed = until_gone(NETWORK_TRIES, || client.remove_network(&network.id)).await;
        result = result.and_then(|count| removed.map(|()| count));
    }
    result
}

/// Waits while a container may be about to start. If a container is removed at this moment, Docker 20.10 does not take
/// it off its network, and the network can no longer be removed.
async fn until_started(client: &Client, id: &str) {
    let deadline = Instant::now() + STARTED_WITHIN;
    while Instant::now() < deadline {
        match client.inspect_container(id, None).await {
            Ok(found) if is_fresh(&found) => tokio::time::sleep(PAUSE).await,
            // A container that cannot be described may still be removed.
            _ => return,
        }
    }
}

/// Whether a container was made a moment ago and has not been started yet.
fn is_fresh(container: &ContainerInspectResponse) -> bool {
    let status = container.state.as_ref().and_then(|state| state.status);
    let created =
        container.created.as_deref().and_then(|created| OffsetDateTime::parse(created, &Rfc3339).ok());
    status == Some(ContainerStateStatusEnum::CREATED)
        && created.is_some_and(|created| OffsetDateTime::from(clock::now()) - created < STARTED_WITHIN)
}

/// Removes what dead servers have left.
pub(super) async fn sweep(client: &Client) -> Result<(), Error> {
    let (containers, networks) = list(client, OWNER_LABEL).await?;
    let owners: BTreeSet<String> = containers.into_iter().chain(networks).map(|thing| thing.owner).collect();
    for owner in owners.iter().filter(|owner| Owner::parse(owner).is_some_and(|owner| owner.is_dead())) {
        match remove_labelled(client, &format!("{OWNER_LABEL}={owner}")).await {
            Ok(count) => {
                tracing::info!("removed {count} containers and networks of a lambda-local that died")
            }
            // If Docker wrongly believes that a network is in use, a restart of Docker frees it.
            Err(error) => {
                tracing::warn!("cannot remove what a lambda-local that died has left in Docker: {error}")
            }
        }
    }
    Ok(())
}

/// All containers and all networks with a label.
async fn list(client: &Client, filter: &str) -> Result<(Vec<Labelled>, Vec<Labelled>), Error> {
    let filters = HashMap::from([("label", vec![filter])]);
    let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
    let containers = client.list_containers(Some(options)).await?;
    let options = ListNetworksOptionsBuilder::default().filters(&filters).build();
    let networks = client.list_networks(Some(options)).await?;
    Ok((
        containers.into_iter().filter_map(|container| labelled(container.id, container.labels)).collect(),
        networks.into_iter().filter_map(|network| labelled(network.id, network.labels)).collect(),
    ))
}

/// A container or a network that a server made.
struct Labelled {
    id: String,
    owner: String,
}

fn labelled(id: Option<String>, labels: Option<HashMap<String, String>>) -> Option<Labelled> {
    Some(Labelled { id: id?, owner: labels?.remove(OWNER_LABEL)? })
}

/// Tries until the daemon no longer knows the container or the network. The daemon may be busy with it, or somebody
/// else may be removing it.
async fn until_gone<F>(tries: u32, remove: impl Fn() -> F) -> Result<(), Error>
where
    F: Future<Output = Result<(), Error>>,
{
    for _ in 1..tries {
        match remove().await {
            Err(error) if !is_unknown(&error) => tokio::time::sleep(PAUSE).await,
            _ => return Ok(()),
        }
    }
    remove().await.or_else(|error| if is_unknown(&error) { Ok(()) } else { Err(error) })
}

/// Whether Docker does not know the container or the network.
fn is_unknown(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code: 404, .. })
}
