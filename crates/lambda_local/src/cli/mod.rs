//! The program `lambda-local`: its command line, and how it starts and stops.
//!
//! `args` is what was typed, and `functions_file` what stands in a file. `resolve` turns both into a
//! [`Config`](crate::Config), with a look at files and variables. `settings` decides what wins.

mod announce;
mod args;
mod command;
mod functions_file;
mod injection;
mod listen;
mod log;
mod memory;
mod open_files;
mod resolve;
mod settings;
mod signals;
mod web_args;

use std::ffi::OsString;

use anyhow::{Context, Result, bail};
use tokio_util::sync::CancellationToken;

use self::announce::announce;
pub use self::args::Args;
use self::listen::listen;
pub use self::log::Log;
pub use self::memory::return_large_blocks;
use self::open_files::raise_open_files;
use self::resolve::resolve;
use self::signals::{second_signal, shutdown};
use crate::backend::{REAP_FLAG, SPAWN_FLAG, SPAWN_IN_ROOTS_FLAG, reap, take_orders};
use crate::server::LocalLambda;

/// What the program is to do.
#[derive(Debug)]
pub enum Task {
    /// Serve functions.
    Serve(Box<Args>),
    /// Act as the reaper of this run. A server starts its reaper itself, so the help does not mention this.
    Reap(String),
    /// Start the processes of a server's functions. A server starts this itself, too.
    Spawn {
        /// Each process sees a folder as the root of its file system.
        in_roots: bool,
    },
}

impl Task {
    /// Whether the task is to be done by one thread, since it is a small part of another process's work.
    pub fn is_small(&self) -> bool {
        matches!(self, Self::Reap(_) | Self::Spawn { .. })
    }
}

/// Reads the command line. Ends the process if the command line is wrong, or asks for help.
pub fn parse() -> Task {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    match words.as_slice() {
        [flag, run] if flag == REAP_FLAG => Task::Reap(run.to_string_lossy().into_owned()),
        [flag] if flag == SPAWN_FLAG => Task::Spawn { in_roots: false },
        [flag] if flag == SPAWN_IN_ROOTS_FLAG => Task::Spawn { in_roots: true },
        _ => Task::Serve(Box::new(Args::read(std::env::args_os()).unwrap_or_else(|error| error.exit()))),
    }
}

/// Does the task.
///
/// # Errors
/// If something on the command line cannot be used, or serving fails, or a second signal comes before all functions
/// have ended. For a reaper, if Docker cannot be reached, or something cannot be removed. For a spawner, if it was not
/// started by a server.
pub async fn run(task: Task) -> Result<()> {
    match task {
        Task::Serve(args) => serve(*args).await,
        Task::Reap(run) => Ok(reap(&run).await?),
        Task::Spawn { in_roots } => {
            take_orders(in_roots).await.context("standard input brings no orders of a lambda-local")
        }
    }
}

/// Serves until a signal comes, or standard input ends if that was asked for.
async fn serve(args: Args) -> Result<()> {
    raise_open_files(args.concurrency);
    if let Some(plan) = &args.inject {
        return injection::serve(&args, plan).await;
    }
    let config = resolve(&args)?;
    let stopping = CancellationToken::new();
    let mut shutdown = Box::pin(shutdown(args.exit_with_stdin, stopping.clone())?);
    let (listener, address) = listen(&args.listen).await?;
    let lambda = tokio::select! {
        lambda = LocalLambda::prepare(config) => lambda?,
        () = &mut shutdown => return Ok(()),
    };
    let images = lambda.images().map(|(function, id)| format!("image {function} {id}\n"));
    let announcement = images.chain([format!("listening on http://{address}\n")]).collect::<String>();
    // Whoever does not read standard output keeps the server from starting, but not from stopping.
    let stopped = tokio::select! {
        announced = announce(announcement) => announced.map(|()| false)?,
        () = &mut shutdown => true,
    };
    let shutdown = async move {
        if !stopped {
            shutdown.await;
        }
    };
    tokio::select! {
        served = lambda.serve(listener, shutdown) => served.context("serving failed"),
        () = second_signal(stopping) => {
            bail!("stopped by a second signal before all functions had ended")
        }
    }
}
