//! Starts what runs a function: a process or a container.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use thiserror::Error;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::container::{Container, ContainerSpec, StartedContainer};
use super::container_body;
use super::docker::{Docker, DockerError};
use super::exit::Exit;
use super::image::Image;
use super::listener::PeerListener;
use super::process::{Process, ProcessSpec, Spawner, StartError, Started};
use crate::config::{Config, FunctionConfig, Program};

/// Starts processes and containers.
#[derive(Debug)]
pub(crate) struct Launcher {
    spawner: Spawner,
    /// Only if a function is an image.
    docker: Option<Arc<Docker>>,
}

/// Nothing can be started, whatever the request.
#[derive(Debug, Error)]
pub enum PrepareError {
    /// The thread that starts processes cannot be started.
    #[error("cannot start processes: {0}")]
    Spawner(#[from] io::Error),
    /// Docker, or an image, cannot be used.
    #[error(transparent)]
    Docker(#[from] DockerError),
}

/// A program could not be brought up.
#[derive(Debug, Error)]
pub(crate) enum LaunchError {
    #[error("cannot open a Runtime API: {0}")]
    Listen(#[from] io::Error),
    #[error(transparent)]
    Process(#[from] StartError),
    #[error(transparent)]
    Container(#[from] DockerError),
}

impl LaunchError {
    /// Whether this machine is short of something, and the function is not to blame.
    pub(crate) fn is_shortage(&self) -> bool {
        match self {
            Self::Listen(_) => true,
            Self::Process(error) => error.is_shortage(),
            // A program that an image lacks is not missed before the container runs.
            Self::Container(_) => true,
        }
    }
}

/// A running program; dropping it ends it and all that it started.
#[derive(Debug)]
pub(crate) enum Running {
    Process(Process),
    Container(Container),
}

/// A program that has just been started.
#[derive(Debug)]
pub(crate) struct Launched {
    pub(crate) running: Running,
    /// Its standard output and error.
    pub(crate) output: OwnedFd,
    /// When its process was started.
    pub(crate) at: Instant,
    /// Where its connections come from.
    pub(crate) address: IpAddr,
}

impl Launcher {
    /// Makes ready what the functions need.
    ///
    /// # Errors
    /// If processes cannot be started, or Docker or an image cannot be used.
    pub(crate) async fn new(config: &Config, tasks: TaskTracker) -> Result<Self, PrepareError> {
        let images: Vec<&str> = config.functions.iter().filter_map(FunctionConfig::image).collect();
        let spawner = Spawner::new()?;
        if images.is_empty() {
            return Ok(Self { spawner, docker: None });
        }
        let docker = Docker::new(&images, config.reaper.as_deref(), tasks).await?;
        for function in config.functions.iter().filter(|function| function.image().is_some()) {
            if container_body::exceeds(function.memory_mb, docker.cpus) {
                tracing::warn!(
                    "with {} MB, {} would have more CPUs on Lambda than the {} of this machine",
                    function.memory_mb,
                    function.name,
                    docker.cpus
                );
            }
        }
        Ok(Self { spawner, docker: Some(Arc::new(docker)) })
    }

    /// The image called `name`, as it was when the server started.
    pub(crate) fn image(&self, name: &str) -> Option<&Image> {
        self.docker.as_ref()?.images().get(name)
    }

    /// Opens a Runtime API where the program can reach it.
    ///
    /// # Errors
    /// If this machine is short of ports or descriptors.
    pub(crate) async fn listen(&self, program: &Program) -> io::Result<PeerListener> {
        let docker = self.docker.as_ref().filter(|_| matches!(program, Program::Image(_)));
        PeerListener::bind(docker.map_or(Ipv4Addr::LOCALHOST.into(), |docker| docker.gateway())).await
    }

    /// Starts the program of a function with this environment.
    ///
    /// # Errors
    /// If there is no such program, or the system or Docker cannot start it.
    pub(crate) async fn start(
        &self,
        function: &FunctionConfig,
        environment: Vec<(String, String)>,
    ) -> Result<Launched, LaunchError> {
        match &function.program {
            Program::Executable(path) => self.start_process(path, environment).await,
            Program::Image(name) => self.start_container(name, function.memory_mb, environment).await,
        }
    }

    async fn start_process(
        &self,
        path: &Path,
        environment: Vec<(String, String)>,
    ) -> Result<Launched, LaunchError> {
        let spec = ProcessSpec { executable: path.to_owned(), environment };
        let Started { process, output, at } = self.spawner.start(spec).await?;
        let address = Ipv4Addr::LOCALHOST.into();
        Ok(Launched { running: Running::Process(process), output, at, address })
    }

    async fn start_container(
        &self,
        image: &str,
        memory_mb: u32,
        environment: Vec<(String, String)>,
    ) -> Result<Launched, LaunchError> {
        let no_image = || DockerError::NoImage(image.to_owned());
        let docker = self.docker.as_ref().ok_or_else(no_image)?;
        let image_id = docker.images().get(image).ok_or_else(no_image)?.id.clone();
        let spec = ContainerSpec { image_id, memory_mb, environment };
        let StartedContainer { container, output, at, address } = Container::start(docker, spec).await?;
        Ok(Launched { running: Running::Container(container), output, at, address })
    }

    /// Removes what is shared, once all programs have ended; and the programs, if they have not all (`in_order`).
    pub(crate) async fn finish(&self, in_order: bool) {
        if let Some(docker) = &self.docker {
            docker.finish(in_order).await;
        }
    }
}

impl Running {
    /// Waits until the program exits. May be cancelled, and called again afterwards.
    pub(crate) async fn exited(&mut self) -> Exit {
        match self {
            Self::Process(process) => process.exited().await,
            Self::Container(container) => container.exited().await,
        }
    }

    /// Asks the program to end.
    pub(crate) fn terminate(&self) {
        match self {
            Self::Process(process) => process.terminate(),
            Self::Container(container) => container.terminate(),
        }
    }

    /// Ends the program at once, whatever it does. A container is ended meanwhile: what needs it gone waits for the
    /// server's tasks, and nobody's answer waits for Docker.
    pub(crate) async fn kill(self) {
        match self {
            Self::Process(mut process) => process.kill().await,
            Self::Container(container) => container.kill(),
        }
    }

    /// Ends a program that does nothing any more, or need not end before its container is removed.
    pub(crate) async fn end(self) {
        match self {
            Self::Process(mut process) => process.kill().await,
            Self::Container(container) => drop(container),
        }
    }

    /// The most memory that the program had resident so far, in KiB; `None` once it has exited.
    pub(crate) fn peak_memory_kib(&self) -> Option<u64> {
        match self {
            Self::Process(process) => process.peak_memory_kib(),
            Self::Container(container) => container.peak_memory_kib(),
        }
    }
}
