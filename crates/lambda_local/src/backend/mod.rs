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
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;
use tokio_util::task::TaskTracker;

pub use self::docker::DockerError;
use self::docker::{ContainerBackend, Docker, IMAGE_ROOT};
pub(crate) use self::docker::{REAP_FLAG, reap};
use self::process::{ProcessBackend, Spawner, Unpacked};
pub(crate) use self::process::{SPAWN_FLAG, SPAWN_IN_ROOTS_FLAG, take_orders};
pub(crate) use self::program::{Backend, CpuLimit, RunningProgram, Started};
use crate::config::{Config, FunctionConfig, Program};

/// The variable `PATH` of an image that sets none.
const DOCKER_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

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
    /// This user may not run programs that see the files of an image as the root of their file system.
    #[error(
        "cannot run the program of an image as a process: {0}; that needs root, or user namespaces (sysctl \
         kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0); --image needs neither"
    )]
    Roots(io::Error),
    /// The configuration names no program that would start functions.
    #[error("functions that are processes need the program lambda-local (Config::helper)")]
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
    /// Only if a function is a program of this machine.
    spawner: Option<Spawner>,
    /// Only if a function is an image that runs as a process.
    spawner_in_roots: Option<Spawner>,
    /// Only if a function is an image.
    docker: Option<Arc<Docker>>,
}

impl Backends {
    /// Makes ready what the functions need. `tasks` gets what has to end before the server has stopped.
    ///
    /// # Errors
    /// If processes cannot be started, or Docker or an image cannot be used.
    pub(crate) async fn prepare(config: &Config, tasks: TaskTracker) -> Result<Self, PrepareError> {
        let programs = || config.functions.iter().map(|function| &function.program);
        let images: Vec<&str> = programs().filter_map(image_name).collect();
        let helper = || config.helper.as_deref().ok_or(PrepareError::NoHelper);
        let mut this = Self { spawner: None, spawner_in_roots: None, docker: None };
        if programs().any(|program| matches!(program, Program::Command { .. })) {
            let program = helper()?;
            let failed = |source| PrepareError::Spawner { program: program.to_owned(), source };
            this.spawner = Some(Spawner::start(program, false).await.map_err(failed)?);
        }
        if programs().any(|program| matches!(program, Program::ImageAsProcess(_))) {
            if rustix::process::geteuid().is_root() {
                tracing::warn!("the programs of images that run as processes run as root on this machine");
            }
            this.spawner_in_roots = Some(Spawner::start(helper()?, true).await.map_err(PrepareError::Roots)?);
        }
        if images.is_empty() {
            return Ok(this);
        }
        let unpacks = programs().any(|program| matches!(program, Program::ImageAsProcess(_)));
        let docker = Docker::new(&images, unpacks, config.helper.as_deref(), tasks).await?;
        for program in programs() {
            if let Program::ImageAsProcess(name) = program {
                docker.unpack(name).await?;
            }
        }
        this.docker = Some(Arc::new(docker));
        Ok(this)
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
                image: None,
            })),
            Program::Image(image) => {
                Ok(Arc::new(ContainerBackend::new(self.docker(image)?, image, function)?))
            }
            Program::ImageAsProcess(image) => Ok(Arc::new(self.image_as_process(&function.name, image)?)),
        }
    }

    fn image_as_process(&self, function: &str, name: &str) -> Result<ProcessBackend, PrepareError> {
        let docker = self.docker(name)?;
        let image = docker.image(name)?;
        let root = docker.files(&image);
        let (program, arguments) =
            image.command.split_first().ok_or_else(|| DockerError::NoCommand(name.to_owned()))?;
        // Docker sets this where an image does not.
        let mut variables = vec![("PATH".to_owned(), DOCKER_PATH.to_owned())];
        variables.extend_from_slice(&image.variables);
        Ok(ProcessBackend {
            spawner: self.spawner_in_roots.clone().ok_or(PrepareError::NoHelper)?,
            function: function.to_owned(),
            program: program.into(),
            arguments: arguments.to_vec(),
            folder: image.folder.into(),
            image: Some(Unpacked { root, variables, handler: image.handler, task_root: IMAGE_ROOT }),
        })
    }

    fn docker(&self, image: &str) -> Result<&Arc<Docker>, DockerError> {
        self.docker.as_ref().ok_or_else(|| DockerError::NoImage(image.to_owned()))
    }

    /// The id of the function's image, if it is one.
    pub(crate) fn image_id(&self, function: &FunctionConfig) -> Option<String> {
        Some(self.docker.as_ref()?.image(image_name(&function.program)?).ok()?.id)
    }

    /// The id of the image that has this name now.
    ///
    /// # Errors
    /// If there is none, or it cannot be run on this machine.
    pub(crate) async fn current_image(&self, name: &str) -> Result<String, PrepareError> {
        Ok(self.docker(name)?.current_image(name).await?.id)
    }

    /// From now on, the backend of a function with this program runs what the name of its image means now.
    ///
    /// # Errors
    /// If that image cannot be used. Then it runs what it ran before.
    pub(crate) async fn renew(&self, program: &Program) -> Result<(), PrepareError> {
        if let Some(name) = image_name(program) {
            self.docker(name)?.renew(name, matches!(program, Program::ImageAsProcess(_))).await?;
        }
        Ok(())
    }

    /// Removes what the programs shared, once all of them have ended. If they have not all ended (`in_order` is
    /// false), removes them as well.
    pub(crate) async fn finish(&self, in_order: bool) {
        for spawner in [&self.spawner, &self.spawner_in_roots].into_iter().flatten() {
            spawner.finish().await;
        }
        if let Some(docker) = &self.docker {
            docker.finish(in_order).await;
        }
    }
}

fn image_name(program: &Program) -> Option<&str> {
    match program {
        Program::Image(name) | Program::ImageAsProcess(name) => Some(name),
        Program::Command { .. } => None,
    }
}
