//! The connection to the Docker daemon.

use std::time::Duration;

use bollard::Docker as Client;

use super::error::DockerError;
use crate::env_vars;

/// Where the daemon is unless `DOCKER_HOST` says otherwise.
const USUAL_HOST: &str = "unix:///var/run/docker.sock";
/// How long one answer of the daemon may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Connects to the daemon that `DOCKER_HOST` names, or to the usual one.
pub(super) async fn connect() -> Result<Client, DockerError> {
    let host = env_vars::get(env_vars::DOCKER_HOST).unwrap_or_else(|| USUAL_HOST.to_owned());
    let unreachable = |source| DockerError::Unreachable { host: host.clone(), source };
    let mut client = Client::connect_with_host(&host).map_err(unreachable)?;
    client.set_timeout(ANSWER_TIMEOUT);
    client.negotiate_version().await.map_err(unreachable)
}
