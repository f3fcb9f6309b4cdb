//! What runs functions: processes and containers.
//!
//! An environment sees a [`Backend`], which starts the programs of one function, and a [`RunningProgram`].

mod docker;
#[cfg(test)]
pub(crate) mod fake;
mod process;
mod procfs;
mod program;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;
use tokio_util::task::TaskTracker;

pub use self::docker::DockerError;
use self::docker::{ContainerBackend, Docker};
pub(crate) use self::docker::{REAP_FLAG, reap};
use self::process::{ProcessBackend, Spawner};
pub(crate) use self::process::{SPAWN_FLAG, take_orders};
pub(crate) use self::program::{Backend, RunningProgram, Started};
use crate::config::{Config, FunctionConfig, Program};

/// The server cannot start.
#[derive(Debug, Error)]
pub enum PrepareError {
    /// The process that starts those of the functions cannot be started.
    #[error("cannot start {}, which would start the functions: {source}", program.display())]
    Spawner {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The configuration names no program that would start functions.
    #[error("functions that are programs need the program lambda-local (Config::helper)")]
    NoHelper,
    /// Docker, or an image, cannot be used.
    #[error(transparent)]
    Docker(#[from] DockerError),
    /// A function reserves or provisions more than the account has.
    #[error("cannot reserve or provision concurrency for the function {function:?}: {}", reason.trim())]
    Concurrency {
        /// The function.
        function: String,
        /// Why not, in the words of Lambda.
        reason: String,
    },
}

/// All that starts programs.
#[derive(Debug)]
pub(crate) struct Backends {
    /// Only if a function is a program.
    spawner: Option<Spawner>,
    /// Only if a function is an image.
    docker: Option<Arc<Docker>>,
}

impl Backends {
    /// Makes ready what the functions need. `tasks` gets what has to end before the server has stopped.
    ///
    /// # Errors
    /// If processes cannot be started, or Docker or an image cannot be used.
    pub(crate) async fn prepare(config: &Config, tasks: TaskTracker) -> Result<Self, PrepareError> {
        let images: Vec<&str> = config.functions.iter().filter_map(image_name).collect();
        let helper = config.helper.as_deref();
        let programs = config.functions.iter().any(|function| image_name(function).is_none());
        let spawner = if programs { Some(start_spawner(helper).await?) } else { None };
        if images.is_empty() {
            return Ok(Self { spawner, docker: None });
        }
        let docker = Docker::new(&images, helper, tasks).await?;
        Ok(Self { spawner, docker: Some(Arc::new(docker)) })
    }

    /// The backend of a function.
    ///
    /// # Errors
    /// If the function is not among those of the configuration.
    pub(crate) fn backend(&self, function: &FunctionConfig) -> Result<Arc<dyn Backend>, PrepareError> {
        match &function.program {
            Program::Command { program, arguments, folder } => Ok(Arc::new(ProcessBackend {
                spawner: self.spawner.clone().ok_or(PrepareError::NoHelper)?,
                function: function.name.clone(),
                program: program.clone(),
                arguments: arguments.clone(),
                folder: folder.clone(),
            })),
            Program::Image(image) => {
                let docker = self.docker.as_ref().ok_or_else(|| DockerError::NoImage(image.clone()))?;
                Ok(Arc::new(ContainerBackend::new(docker, image, function)?))
            }
        }
    }

    /// The id of the function's image, if it is one.
    pub(crate) fn image_id(&self, function: &FunctionConfig) -> Option<&str> {
        let image = self.docker.as_ref()?.images().get(image_name(function)?)?;
        Some(&image.id)
    }

    /// Removes what the programs shared, once all of them have ended. If they have not all ended (`in_order` is
    /// false), removes them as well.
    pub(crate) async fn finish(&self, in_order: bool) {
        if let Some(spawner) = &self.spawner {
            spawner.finish().await;
        }
        if let Some(docker) = &self.docker {
            docker.finish(in_order).await;
        }
    }
}

async fn start_spawner(helper: Option<&Path>) -> Result<Spawner, PrepareError> {
    let program = helper.ok_or(PrepareError::NoHelper)?;
    Spawner::start(program)
        .await
        .map_err(|source| PrepareError::Spawner { program: program.to_owned(), source })
}

fn image_name(function: &FunctionConfig) -> Option<&str> {
    match &function.program {
        Program::Image(name) => Some(name),
        Program::Command { .. } => None,
    }
}
