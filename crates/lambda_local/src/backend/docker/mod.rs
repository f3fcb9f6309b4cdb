//! Functions that are images, which Docker runs in containers.

mod births;
mod cleanup;
mod client;
mod container;
mod create_request;
mod daemon;
mod error;
mod export;
mod image;
mod owner;
mod reaper;
mod startup;

use std::sync::Arc;

use futures_util::future::BoxFuture;

use self::container::Container;
use self::create_request::{ContainerSpec, cpu_limit, exceeds};
pub(super) use self::daemon::Docker;
pub use self::error::DockerError;
pub(crate) use self::reaper::{REAP_FLAG, reap};
use self::startup::Up;
use super::program::{Backend, CpuLimit, Started};
use crate::config::FunctionConfig;
use crate::outcome::Failure;
use crate::runtime_api::{Caller, RuntimeApi};

/// Where images for Lambda have their code.
pub(super) const IMAGE_ROOT: &str = "/var/task";

/// Starts the containers of one function.
#[derive(Debug)]
pub(super) struct ContainerBackend {
    docker: Arc<Docker>,
    function: String,
    image_id: String,
    handler: String,
    memory_mb: u32,
}

impl ContainerBackend {
    /// Starts containers of an image that was looked up when Docker was made ready.
    ///
    /// # Errors
    /// If the image was not looked up.
    pub(super) fn new(
        docker: &Arc<Docker>,
        image: &str,
        function: &FunctionConfig,
    ) -> Result<Self, DockerError> {
        let FunctionConfig { name, memory_mb, .. } = function;
        let found = docker.image(image)?;
        if exceeds(*memory_mb, docker.cpus) {
            tracing::warn!(
                "with {memory_mb} MB, {name} would have more CPUs on Lambda than the {} of this machine",
                docker.cpus
            );
        }
        Ok(Self {
            docker: Arc::clone(docker),
            function: name.clone(),
            image_id: found.id,
            handler: found.handler,
            memory_mb: *memory_mb,
        })
    }

    async fn start(&self, mut variables: Vec<(String, String)>, caller: Caller) -> Result<Started, Failure> {
        let api = RuntimeApi::open(self.docker.gateway, &self.function, caller).await?;
        variables.push(api.variable());
        let (image_id, memory_mb) = (self.image_id.clone(), self.memory_mb);
        let spec = ContainerSpec { image_id, memory_mb, variables };
        // The function is not to blame: a program that an image lacks is not missed before the container runs.
        let started = Container::start(&self.docker, spec).await;
        let (container, Up { address, output, at, .. }) =
            started.map_err(|error| Failure::Unavailable(error.to_string()))?;
        api.admit(address);
        Ok(Started { program: Box::new(container), api: Some(api), output, at })
    }
}

impl Backend for ContainerBackend {
    fn variables(&self) -> Vec<(&'static str, String)> {
        vec![("_HANDLER", self.handler.clone()), ("LAMBDA_TASK_ROOT", IMAGE_ROOT.to_owned())]
    }

    fn cpu_limit(&self) -> Option<CpuLimit> {
        Some(cpu_limit(self.memory_mb, self.docker.cpus))
    }

    fn start(
        &self,
        variables: Vec<(String, String)>,
        caller: Caller,
    ) -> BoxFuture<'_, Result<Started, Failure>> {
        Box::pin(self.start(variables, caller))
    }
}
