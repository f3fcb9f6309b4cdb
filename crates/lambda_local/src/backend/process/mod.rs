//! Functions that are programs of this machine.

mod child;
mod helper;
mod message;
mod root;
mod spawner;

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use futures_util::future::BoxFuture;

pub(crate) use self::helper::{SPAWN_FLAG, SPAWN_IN_ROOTS_FLAG, take_orders};
use self::message::Order;
pub(super) use self::spawner::Spawner;
use self::spawner::{SpawnError, Spawned, is_shortage};
use super::program::{Backend, Started};
use crate::outcome::{Failure, system_error};
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
    /// Where the program comes from, if it is not one of this machine.
    pub(super) image: Option<Unpacked>,
}

/// An image whose files are a folder of this machine.
#[derive(Debug)]
pub(super) struct Unpacked {
    pub(super) root: PathBuf,
    /// What the image sets. The variables of the function win over these.
    pub(super) variables: Vec<(String, String)>,
    pub(super) handler: String,
    pub(super) task_root: &'static str,
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
        if let Some(image) = &self.image {
            variables.splice(0..0, image.variables.iter().cloned());
        }
        let order = Order {
            number: 0,
            program: self.program.clone().into(),
            arguments: self.arguments.clone(),
            root: self.image.as_ref().map(|image| image.root.clone().into()),
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
                let reason = format!("fork/exec {}: {}", self.program.display(), system_error(error));
                if is_shortage(error) { Failure::Unavailable(reason) } else { Failure::NotStarted(reason) }
            }
            SpawnError::Spawner(error) => Failure::Unavailable(format!("cannot start a process: {error}")),
        }
    }
}

impl Backend for ProcessBackend {
    fn variables(&self) -> Vec<(&'static str, String)> {
        let (handler, task_root, system) = match &self.image {
            Some(image) => (image.handler.clone(), image.task_root.to_owned(), &[][..]),
            None => (self.handler(), self.folder.display().to_string(), &SYSTEM_VARIABLES[..]),
        };
        let own = [("_HANDLER", handler), ("LAMBDA_TASK_ROOT", task_root)];
        own.into_iter().chain(system.iter().map(|(name, value)| (*name, (*value).to_owned()))).collect()
    }

    fn start(
        &self,
        variables: Vec<(String, String)>,
        caller: Caller,
    ) -> BoxFuture<'_, Result<Started, Failure>> {
        Box::pin(self.start(variables, caller))
    }
}
