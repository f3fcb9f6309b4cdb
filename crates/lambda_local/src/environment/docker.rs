//! The Docker daemon, and what one server has of it: its images, its network and its reaper.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bollard::Docker as Client;
use bollard::errors::Error;
use bollard::models::NetworkCreateRequest;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::cleanup;
use super::image::{self, Image};
use super::owner::Run;
use super::reaper::Reaper;

/// Where the daemon is unless `DOCKER_HOST` says otherwise.
const USUAL_HOST: &str = "unix:///var/run/docker.sock";
/// How long one answer of the daemon may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// How many containers are brought up or removed at a time: more at once take longer each, and drown the daemon.
const CONTAINERS_AT_A_TIME: usize = 4;

/// The daemon, with what all containers of one server share.
#[derive(Debug)]
pub(crate) struct Docker {
    pub(super) client: Client,
    pub(super) run: Run,
    pub(super) network: String,
    pub(super) gateway: IpAddr,
    /// How many CPUs the machine has.
    pub(super) cpus: i64,
    pub(super) slots: Semaphore,
    /// Where what must be over before the server has stopped runs.
    pub(super) tasks: TaskTracker,
    images: BTreeMap<String, Image>,
    reaper: Reaper,
    named: AtomicU64,
}

/// Docker cannot be used, or an image cannot.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum DockerError {
    #[error(
        "cannot reach the Docker daemon at {host}: {source}; start it, or name its socket in DOCKER_HOST, and make \
         sure that this user may use it"
    )]
    Unreachable { host: String, source: Error },
    #[error(
        "there is no image {0}; build it (docker build -f FOLDER/Dockerfile -t {0} .) or fetch it (docker pull {0})"
    )]
    NoImage(String),
    #[error("the image {0} has neither ENTRYPOINT nor CMD; expected one that says what to run")]
    NoCommand(String),
    #[error("the image {image} is for {found}; expected {expected}, as this machine is")]
    Platform { image: String, found: String, expected: String },
    #[error("Docker cannot {what}: {source}")]
    Refused { what: &'static str, source: Error },
    #[error("Docker's answer lacks {0}")]
    Incomplete(&'static str),
    #[error(
        "cannot listen on {address}, where containers would find the Runtime API: {source}; lambda-local has to share \
         the network and the processes of Docker's host (in a container: network_mode: host and pid: host)"
    )]
    Gateway { address: IpAddr, source: io::Error },
    #[error("cannot start {}, which would remove containers left behind: {source}", program.display())]
    Reaper { program: PathBuf, source: io::Error },
    #[error("functions that are images need a program that removes containers left behind (Config::reaper)")]
    NoReaper,
    #[error("cannot make a pipe for the output of a container: {0}")]
    Pipe(io::Error),
    #[error("the server stops")]
    Stopping,
}

impl DockerError {
    pub(super) fn refused(what: &'static str) -> impl FnOnce(Error) -> Self {
        move |source| Self::Refused { what, source }
    }
}

impl Docker {
    /// Connects to the daemon, and makes ready what containers of `images` need; removes what servers that died left.
    ///
    /// # Errors
    /// If the daemon cannot be reached or refuses something, or an image cannot be used.
    pub(crate) async fn new(
        images: &[&str],
        reaper: Option<&Path>,
        tasks: TaskTracker,
    ) -> Result<Self, DockerError> {
        let client = connect().await?;
        let info = client.info().await.map_err(DockerError::refused("describe its machine"))?;
        let images = image::resolve_all(&client, images).await?;
        let run = Run::new();
        let reaper = Reaper::start(reaper.ok_or(DockerError::NoReaper)?, &run).await?;
        let (network, gateway) = match make_network(&client, &run).await {
            Ok(made) => made,
            Err(error) => {
                reaper.finish(true).await;
                return Err(error);
            }
        };
        if let Err(error) = cleanup::sweep(&client).await {
            tracing::warn!("what dead servers may have left in Docker cannot be listed: {error}");
        }
        Ok(Self {
            client,
            run,
            network,
            gateway,
            cpus: info.ncpu.unwrap_or(i64::MAX),
            slots: Semaphore::new(CONTAINERS_AT_A_TIME),
            tasks,
            images,
            reaper,
            named: AtomicU64::new(0),
        })
    }

    /// The images by the names that were given.
    pub(crate) fn images(&self) -> &BTreeMap<String, Image> {
        &self.images
    }

    /// Where containers find this machine.
    pub(crate) fn gateway(&self) -> IpAddr {
        self.gateway
    }

    /// A name for a container that no other has.
    pub(super) fn next_name(&self) -> String {
        format!("{}-{}", self.run.name(), self.named.fetch_add(1, Ordering::Relaxed))
    }

    /// Removes what is shared, once all containers are gone; and the containers, if they are not all (`in_order`).
    pub(crate) async fn finish(&self, in_order: bool) {
        self.reaper.finish(in_order).await;
    }
}

/// Connects to the daemon that `DOCKER_HOST` names, or to the usual one.
pub(super) async fn connect() -> Result<Client, DockerError> {
    let host = std::env::var("DOCKER_HOST").unwrap_or_else(|_| USUAL_HOST.to_owned());
    let unreachable = |source| DockerError::Unreachable { host: host.clone(), source };
    let mut client = Client::connect_with_host(&host).map_err(unreachable)?;
    client.set_timeout(ANSWER_TIMEOUT);
    client.negotiate_version().await.map_err(unreachable)
}

/// A network from which containers reach this machine, but not one another nor anything else; and its gateway, which
/// is this machine's address in it.
async fn make_network(client: &Client, run: &Run) -> Result<(String, IpAddr), DockerError> {
    let name = run.name();
    let request = NetworkCreateRequest {
        name: name.clone(),
        driver: Some("bridge".to_owned()),
        internal: Some(true),
        options: Some([("com.docker.network.bridge.enable_icc".to_owned(), "false".to_owned())].into()),
        labels: Some(run.labels()),
        ..Default::default()
    };
    client.create_network(request).await.map_err(DockerError::refused("make a network"))?;
    let network =
        client.inspect_network(&name, None).await.map_err(DockerError::refused("describe its network"))?;
    let pools = network.ipam.and_then(|ipam| ipam.config).unwrap_or_default();
    let gateway = pools.into_iter().find_map(|pool| pool.gateway?.parse::<IpAddr>().ok());
    let gateway = gateway.ok_or(DockerError::Incomplete("the gateway of a network"))?;
    TcpListener::bind((gateway, 0))
        .await
        .map_err(|source| DockerError::Gateway { address: gateway, source })?;
    Ok((name, gateway))
}
