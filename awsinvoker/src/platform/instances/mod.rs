//! Instances of functions behind gRPC that `--local` starts: plain processes, or containers.
//!
//! Each instance has a keeper, which is a process of this program. So the messages of a function cost the load generator
//! no time, and the instance ends with it, whatever happens.

mod command;
mod instance;
mod keeper;

use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use futures_util::future::join_all;
use run_record::run_info::FunctionInfo;
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use command::ARGUMENTS;
pub(super) use command::Function;
use instance::Instance;
pub use keeper::keep_instance;

use super::description::variable;
use super::error::{ConfigError, StartError};
use super::local_functions::{LocalFunction, Program};
use super::programs::Programs;
use super::tools;
use crate::cli::PlatformArgs;
use crate::clock::wall_now;
use crate::text::hex;

/// The program that keeps instances: this one.
const AWSINVOKER: &str = "awsinvoker";

/// What is started of one function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct InstancesConfig {
    /// The program that keeps them.
    awsinvoker: PathBuf,
    pub(super) function: Function,
    /// How many instances.
    pub(super) count: usize,
}

/// All instances of one function.
#[derive(Debug)]
pub(super) struct Instances {
    instances: Vec<Instance>,
    /// How an instance before these ended though nobody stopped it.
    lost: Option<String>,
    /// What `run.json` says of the function.
    pub(super) info: FunctionInfo,
}

/// The instances of a function that calls go to, for all who need them.
pub(super) type SharedInstances = Arc<Mutex<Instances>>;

impl InstancesConfig {
    /// Finds what is to be started. Fails if there is no awsinvoker beside this program or in `PATH`.
    pub(super) fn resolve(
        args: &PlatformArgs,
        function: LocalFunction,
        programs: &Programs,
    ) -> Result<Self, ConfigError> {
        let LocalFunction { name, program, memory_mb } = function;
        Ok(Self {
            awsinvoker: programs.own(AWSINVOKER, AWSINVOKER, AWSINVOKER)?,
            function: Function { name, program, memory_mb, env: args.env.clone() },
            count: usize::from(args.instances.unwrap_or(1)),
        })
    }
}

impl Instances {
    /// Starts all of them at the same time and waits until they listen. If one fails, the others are stopped.
    pub(super) async fn start(config: &InstancesConfig) -> Result<Self, StartError> {
        Self::start_as(config, describe(&config.function).await?).await
    }

    /// The same for a function that was described before.
    pub(super) async fn start_as(config: &InstancesConfig, info: FunctionInfo) -> Result<Self, StartError> {
        let InstancesConfig { awsinvoker, function, count } = config;
        // No other run has both: the name of a container has to be its own.
        let since = wall_now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let run = format!("{}-{}", std::process::id(), since.as_millis());
        let limit = info.cpu_limit;
        let all = (1..=*count).map(|number| Instance::start(awsinvoker, function, limit, &run, number));
        let (mut instances, mut failure) = (Vec::new(), None);
        for started in join_all(all).await {
            match started {
                Ok(instance) => instances.push(instance),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        let mut started = Self { instances, lost: None, info };
        match failure {
            None => Ok(started),
            Some(error) => {
                started.stop().await;
                Err(error)
            }
        }
    }

    /// Where they listen.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.instances.iter().map(|instance| instance.address).collect()
    }

    /// Puts these instances in the place of those, which are returned.
    pub(super) async fn replace(&mut self, fresh: Self) -> Self {
        let mut old = std::mem::replace(self, fresh);
        self.lost = old.ended().await;
        old
    }

    /// The function and how an instance of it ended, if one did though nobody stopped it.
    pub(super) async fn ended(&mut self) -> Option<String> {
        for instance in &mut self.instances {
            if self.lost.is_some() {
                break;
            }
            self.lost = instance.ended().await.map(|status| format!("{}: {status}", self.info.name));
        }
        self.lost.clone()
    }

    /// Lets all of them end.
    pub(super) async fn stop(&mut self) {
        join_all(self.instances.drain(..).map(Instance::stop)).await;
    }
}

/// What `run.json` says of a function that is started.
async fn describe(function: &Function) -> Result<FunctionInfo, StartError> {
    let variables = function.env.iter().filter_map(|pair| pair.split_once('='));
    let mut environment: Vec<String> = variables.map(|(key, value)| variable(key, value)).collect();
    environment.sort();
    let info = FunctionInfo {
        name: function.name.clone(),
        memory_mb: function.memory_mb(),
        architecture: Some(architecture().to_owned()),
        environment,
        ..FunctionInfo::default()
    };
    match &function.program {
        Program::Executable(path) => {
            let hashed = path.clone();
            let failed = |source| StartError::Program { program: path.clone(), source };
            let sha256 = tokio::task::spawn_blocking(move || sha256(&hashed)).await.map_err(io::Error::other);
            Ok(FunctionInfo {
                kind: Some("process".to_owned()),
                program: Some(path.display().to_string()),
                arguments: ARGUMENTS.map(str::to_owned).to_vec(),
                sha256: Some(sha256.and_then(|sha256| sha256).map_err(failed)?),
                ..info
            })
        }
        Program::Image(image) => {
            let failed = |reason| StartError::NoInstance { function: function.name.clone(), reason };
            let missing = || failed(format!("Docker does not answer, or has no image {image}"));
            let unknown = || failed("Docker does not tell how many processors it has".to_owned());
            let processors = tools::docker_cpus().await.ok_or_else(unknown);
            Ok(FunctionInfo {
                kind: Some("docker".to_owned()),
                image: Some(image.clone()),
                image_id: Some(tools::image_id(image).await.ok_or_else(missing)?),
                cpu_limit: function.cpu_limit(processors?),
                ..info
            })
        }
    }
}

/// The architecture of this machine, as Lambda names it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "arm64",
        other => other,
    }
}

/// SHA-256 of a file, in hexadecimal.
fn sha256(path: &Path) -> io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let (mut hash, mut block) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hex(&hash.finalize())),
            count => hash.update(&block[..count]),
        }
    }
}
