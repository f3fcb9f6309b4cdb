//! The Docker daemon, and what one server has in it: images, a network and a reaper.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bollard::Docker as Client;
use bollard::models::NetworkCreateRequest;
use tokio::net::TcpListener;
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use tokio_util::task::TaskTracker;

use super::error::DockerError;
use super::image::{self, Image};
use super::owner::Run;
use super::reaper::Reaper;
use super::{cleanup, client, export};

/// How many containers are started or removed at a time. With more at once, each takes longer, and the daemon stops
/// answering in time.
const CONTAINERS_AT_A_TIME: usize = 4;

/// The daemon, with what all containers of one server share.
#[derive(Debug)]
pub(crate) struct Docker {
    pub(super) client: Client,
    pub(super) run: Run,
    pub(super) network: String,
    /// This machine's address in the network.
    pub(super) gateway: IpAddr,
    /// How many CPUs the machine has.
    pub(super) cpus: i64,
    /// Held while a container is started or removed.
    pub(super) slots: Semaphore,
    /// The work that has to end before the server has stopped.
    pub(super) tasks: TaskTracker,
    /// The images by the names that were given.
    images: Mutex<BTreeMap<String, Image>>,
    /// Held while an image is unpacked.
    unpacking: AsyncMutex<()>,
    reaper: Reaper,
    names: AtomicU64,
}

impl Docker {
    /// Connects to the daemon, and makes ready what containers of `images` need. Removes what servers that died have
    /// left. `unpacks` says that files of images will be unpacked.
    ///
    /// # Errors
    /// If the daemon cannot be reached or refuses something, or an image cannot be used.
    pub(crate) async fn new(
        images: &[&str],
        unpacks: bool,
        reaper: Option<&Path>,
        tasks: TaskTracker,
    ) -> Result<Self, DockerError> {
        let client = client::connect().await?;
        let info = client.info().await.map_err(DockerError::refused("describe its machine"))?;
        let images = image::resolve_all(&client, images).await?;
        let run = Run::new();
        let reaper = reaper.ok_or(DockerError::NoReaper)?;
        if unpacks {
            // Before the reaper runs: everybody can read the name of the folder in its arguments.
            let failed = |source| DockerError::Export { folder: run.folder(), source };
            run.make_folder().map_err(failed)?;
        }
        let reaper = Reaper::start(reaper, &run).await.inspect_err(|_| {
            // It is empty, or was not made.
            let _ = fs::remove_dir(run.folder());
        })?;
        let (network, gateway) = match make_network(&client, &run).await {
            Ok(made) => made,
            Err(error) => {
                reaper.finish(true).await;
                return Err(error);
            }
        };
        if let Err(error) = cleanup::sweep(&client).await {
            tracing::warn!("cannot list what dead servers may have left in Docker: {error}");
        }
        Ok(Self {
            client,
            run,
            network,
            gateway,
            cpus: info.ncpu.unwrap_or(i64::MAX),
            slots: Semaphore::new(CONTAINERS_AT_A_TIME),
            tasks,
            images: Mutex::new(images),
            unpacking: AsyncMutex::new(()),
            reaper,
            names: AtomicU64::new(0),
        })
    }

    /// The image that was given by this name, as it was when it was last looked up.
    ///
    /// # Errors
    /// If it was not looked up.
    pub(crate) fn image(&self, name: &str) -> Result<Image, DockerError> {
        self.images().get(name).cloned().ok_or_else(|| DockerError::NoImage(name.to_owned()))
    }

    /// What the name of an image means now.
    ///
    /// # Errors
    /// If there is no such image, or it cannot be run on this machine.
    pub(crate) async fn current_image(&self, name: &str) -> Result<Image, DockerError> {
        image::resolve(&self.client, name).await
    }

    /// From now on, the name means what it means in Docker now. `unpacks` says that the files of the image are needed.
    ///
    /// # Errors
    /// If the image cannot be used. Then the name means what it meant before.
    pub(crate) async fn renew(&self, name: &str, unpacks: bool) -> Result<(), DockerError> {
        let image = self.current_image(name).await?;
        // Another function may need the files of what the name means.
        if unpacks || self.image(name).is_ok_and(|old| self.files(&old).exists()) {
            self.unpack_image(&image).await?;
        }
        tracing::info!("the image {name} is {}", image.id);
        self.images().insert(name.to_owned(), image);
        Ok(())
    }

    /// The folder of this machine for the files of an image.
    pub(crate) fn files(&self, image: &Image) -> PathBuf {
        self.run.folder().join(image.id.replace(':', "-"))
    }

    /// Copies the files of the image with this name into their folder, if they are not there. The reaper removes them.
    ///
    /// # Errors
    /// If the image was not looked up, Docker refuses or fails, or the files cannot be written.
    pub(crate) async fn unpack(&self, name: &str) -> Result<(), DockerError> {
        self.unpack_image(&self.image(name)?).await
    }

    async fn unpack_image(&self, image: &Image) -> Result<(), DockerError> {
        let _alone = self.unpacking.lock().await;
        let files = self.files(image);
        if files.exists() {
            return Ok(());
        }
        export::export(&self.client, &self.run, &self.next_name(), &image.id, &files).await
    }

    fn images(&self) -> MutexGuard<'_, BTreeMap<String, Image>> {
        // An image is inserted in one step, so a panic elsewhere leaves the map whole.
        self.images.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A name that no other container has.
    pub(super) fn next_name(&self) -> String {
        format!("{}-{}", self.run.name(), self.names.fetch_add(1, Ordering::Relaxed))
    }

    /// Removes what the containers shared, once all of them are gone. If they are not all gone (`in_order` is false),
    /// removes them as well.
    pub(crate) async fn finish(&self, in_order: bool) {
        self.reaper.finish(in_order).await;
    }
}

/// Makes a network from which containers reach this machine, but neither one another nor anything else. Returns its
/// name, and its gateway, which is this machine's address in it.
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
