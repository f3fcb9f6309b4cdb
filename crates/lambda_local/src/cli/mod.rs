//! The program `lambda-local`: its command line, and how it starts and stops.
//!
//! `args` is what was typed, and `functions_file` what stands in a file. `resolve` turns both into a
//! [`Config`](crate::Config), with a look at files and variables. `settings` decides what wins.

mod args;
mod command;
mod functions_file;
mod listen;
mod open_files;
mod resolve;
mod settings;
mod signals;

use std::ffi::OsString;
use std::io::Write;

use anyhow::{Context, Result, bail};
use clap::Parser;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

pub use self::args::Args;
use self::listen::listen;
use self::open_files::raise_open_files;
use self::resolve::resolve;
use self::signals::{second_signal, shutdown};
use crate::backend::{REAP_FLAG, reap};
use crate::env_vars;
use crate::server::LocalLambda;

/// What the program is to do.
#[derive(Debug)]
pub enum Task {
    /// Serve functions.
    Serve(Args),
    /// Act as the reaper of this run. A server starts its reaper itself, so the help does not mention this.
    Reap(String),
}

/// Reads the command line. Ends the process if the command line is wrong, or asks for help.
pub fn parse() -> Task {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    match words.as_slice() {
        [flag, run] if flag == REAP_FLAG => Task::Reap(run.to_string_lossy().into_owned()),
        _ => Task::Serve(Args::parse()),
    }
}

/// Logs to standard error. `RUST_LOG` says what.
pub fn log_to_stderr() {
    let directives = env_vars::get(env_vars::RUST_LOG);
    let filter = directives.and_then(|directives| EnvFilter::try_new(directives).ok());
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|| EnvFilter::new("info")))
        // Plain on a terminal, too: a build without tracing-subscriber's colours panics when it is asked for them.
        .with_ansi(false)
        .with_writer(std::io::stderr)
        // If nobody reads the log any more, a message about that, which goes to the same place, must not end the
        // program.
        .log_internal_errors(false)
        .init();
}

/// Does the task.
///
/// # Errors
/// If something on the command line cannot be used, or serving fails, or a second signal comes before all functions
/// have ended. For a reaper, if Docker cannot be reached, or something cannot be removed.
pub async fn run(task: Task) -> Result<()> {
    match task {
        Task::Serve(args) => serve(args).await,
        Task::Reap(run) => Ok(reap(&run).await?),
    }
}

/// Serves until a signal comes, or standard input ends if that was asked for.
async fn serve(args: Args) -> Result<()> {
    raise_open_files(args.concurrency);
    let config = resolve(&args)?;
    let stopping = CancellationToken::new();
    let mut shutdown = Box::pin(shutdown(args.exit_with_stdin, stopping.clone())?);
    let listener = listen(&args.listen).await?;
    let address = listener.local_addr().context("cannot tell the address listened on")?;
    if !address.ip().is_loopback() {
        tracing::warn!(
            "{address} can be reached from other machines: whoever reaches it can run the functions"
        );
    }
    let lambda = tokio::select! {
        lambda = LocalLambda::prepare(config) => lambda?,
        () = &mut shutdown => return Ok(()),
    };
    for (function, id) in lambda.images() {
        announce(&format!("image {function} {id}"))?;
    }
    announce(&format!("listening on http://{address}"))?;
    tokio::select! {
        served = lambda.serve(listener, shutdown) => served.context("serving failed"),
        () = second_signal(stopping) => {
            bail!("stopped by a second signal before all functions had ended")
        }
    }
}

fn announce(line: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).context("cannot write to standard output")
}
