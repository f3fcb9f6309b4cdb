//! Functions that are programs of this machine.

mod child;
mod helper;
mod message;
mod spawner;

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use futures_util::future::BoxFuture;

pub(crate) use self::helper::{SPAWN_FLAG, take_orders};
use self::message::Order;
pub(super) use self::spawner::Spawner;
use self::spawner::{SpawnError, Spawned, is_shortage};
use super::program::{Backend, Started};
use crate::outcome::Failure;
use crate::runtime_api::{Caller, RuntimeApi};

/// The only address between a process and this server.
const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// What a process finds instead of the variables of an image.
const SYSTEM_VARIABLES: [(&str, &str); 2] =
    [("LANG", "en_US.UTF-8"), ("PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin")];

/// Starts the processes of one function.
#[derive(Debug)]
pub(super) struct ProcessBackend {
    pub(super) spawner: Spawner,
    pub(super) function: String,
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) folder: PathBuf,
}

impl ProcessBackend {
    /// What Lambda calls the handler: the last argument, or the name of a program that has none.
    fn handler(&self) -> String {
        let name = || self.program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.arguments.last().cloned().unwrap_or_else(name)
    }

    async fn start(&self, mut variables: Vec<(String, String)>, caller: Caller) -> Result<Started, Failure> {
        let api = RuntimeApi::open(LOCALHOST, &self.function, caller).await?;
        variables.push(api.variable());
        let order = Order {
            number: 0,
            program: self.program.clone().into(),
            arguments: self.arguments.clone(),
            folder: self.folder.clone().into(),
            variables,
        };
        let (output, writer) =
            io::pipe().map_err(|error| Failure::Unavailable(format!("cannot make a pipe: {error}")))?;
        let Spawned { process, at } =
            self.spawner.spawn(order, writer.into()).await.map_err(|error| self.failure(&error))?;
        api.admit(LOCALHOST);
        Ok(Started { program: Box::new(process), api: Some(api), output: output.into(), at })
    }

    fn failure(&self, error: &SpawnError) -> Failure {
        match error {
            SpawnError::Program(error) => {
                let reason = format!("fork/exec {}: {error}", self.program.display());
                if is_shortage(error) { Failure::Unavailable(reason) } else { Failure::NotStarted(reason) }
            }
            SpawnError::Spawner(error) => Failure::Unavailable(format!("cannot start a process: {error}")),
        }
    }
}

impl Backend for ProcessBackend {
    fn variables(&self) -> Vec<(&'static str, String)> {
        let task_root = self.folder.display().to_string();
        let own = [("_HANDLER", self.handler()), ("LAMBDA_TASK_ROOT", task_root)];
        let system = SYSTEM_VARIABLES.map(|(name, value)| (name, value.to_owned()));
        own.into_iter().chain(system).collect()
    }

    fn start(
        &self,
        variables: Vec<(String, String)>,
        caller: Caller,
    ) -> BoxFuture<'_, Result<Started, Failure>> {
        Box::pin(self.start(variables, caller))
    }
}
