//! A local Lambda of the run's own, in a process of its own so that it does not disturb the pacing.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::config::LocalFunctions;

/// It only binds a port before it is ready.
const READY_WITHIN: Duration = Duration::from_secs(10);
const STOPPED_WITHIN: Duration = Duration::from_secs(10);
const READY: &str = "listening on ";

/// A local Lambda that runs. It ends when its standard input does, so also when this process dies.
#[derive(Debug)]
pub struct LocalLambda {
    process: Child,
    stdin: Option<ChildStdin>,
    /// Kept open, so that a line printed later does not fail.
    _stdout: BufReader<ChildStdout>,
    url: String,
}

/// Why there is no local Lambda.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// It cannot be started or spoken to.
    #[error("{}: cannot be started: {source}", path.display())]
    Start {
        /// Its executable.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It did not become ready.
    #[error("{}: not ready: {reason}", path.display())]
    NotReady {
        /// Its executable.
        path: PathBuf,
        /// What it did instead.
        reason: String,
    },
}

impl LocalLambda {
    /// Starts a local Lambda with the functions and waits until it listens.
    ///
    /// # Errors
    /// It cannot be started, ends, or takes longer than ten seconds.
    pub async fn start(local: &LocalFunctions) -> Result<Self, LocalError> {
        let path = &local.lambda_local;
        let failed = |source| LocalError::Start { path: path.clone(), source };
        let mut process = command(local).spawn().map_err(failed)?;
        let stdin = process.stdin.take();
        let stdout = process.stdout.take().ok_or_else(|| failed(io::ErrorKind::BrokenPipe.into()))?;
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        match tokio::time::timeout(READY_WITHIN, stdout.read_line(&mut line)).await {
            Ok(read) => read.map_err(failed)?,
            Err(_) => return Err(not_ready(path, format!("it said nothing for {READY_WITHIN:?}"))),
        };
        match line.trim_end().strip_prefix(READY) {
            Some(url) => Ok(Self { process, stdin, _stdout: stdout, url: url.to_owned() }),
            None if line.is_empty() => Err(not_ready(path, "it ended, see above".to_owned())),
            None => Err(not_ready(path, format!("it said `{}`", line.trim_end()))),
        }
    }

    /// The address of its Invoke API.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Lets it end its functions and itself; kills it if it does not.
    pub async fn stop(mut self) {
        drop(self.stdin.take());
        if tokio::time::timeout(STOPPED_WITHIN, self.process.wait()).await.is_err() {
            tracing::warn!("lambda-local did not end within {STOPPED_WITHIN:?} and is killed");
        }
        // Dropping the process kills it.
    }
}

fn not_ready(path: &std::path::Path, reason: String) -> LocalError {
    LocalError::NotReady { path: path.to_owned(), reason }
}

fn command(local: &LocalFunctions) -> Command {
    let mut command = Command::new(&local.lambda_local);
    command.args(["--listen", "127.0.0.1:0", "--exit-with-stdin"]);
    for (name, path) in &local.functions {
        let mut function = std::ffi::OsString::from(format!("{name}="));
        function.push(path);
        command.arg("--function").arg(function);
    }
    for pair in &local.env {
        command.args(["--env", pair]);
    }
    // A process group of its own: Ctrl-C is for the invoker, which ends the run first.
    command.process_group(0).kill_on_drop(true).stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}
