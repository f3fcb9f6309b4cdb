//! A local Lambda of the run's own, in a process of its own so that it does not disturb the pacing.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::config::{LocalFunctions, Program};

/// It only binds a port before it is ready, and asks Docker about images.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// It may have containers to remove, for which it takes its own time-outs: together they are shorter.
const STOPPED_WITHIN: Duration = Duration::from_secs(120);
/// What it says of each image: this, the function's name, and the image's id.
const IMAGE: &str = "image ";
const READY: &str = "listening on ";

/// A local Lambda that runs. It ends when its standard input does, so also when this process dies.
#[derive(Debug)]
pub struct LocalLambda {
    process: Child,
    stdin: Option<ChildStdin>,
    /// Kept open, so that a line printed later does not fail.
    _stdout: BufReader<ChildStdout>,
    url: String,
    images: BTreeMap<String, String>,
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
    /// It cannot be started, ends, or takes longer than a minute.
    pub async fn start(local: &LocalFunctions) -> Result<Self, LocalError> {
        let path = &local.lambda_local;
        let failed = |source| LocalError::Start { path: path.clone(), source };
        let mut process = command(local).spawn().map_err(failed)?;
        let stdin = process.stdin.take();
        let stdout = process.stdout.take().ok_or_else(|| failed(io::ErrorKind::BrokenPipe.into()))?;
        let mut stdout = BufReader::new(stdout);
        let mut images = BTreeMap::new();
        let announced = announcements(&mut stdout, &mut images);
        let line = match tokio::time::timeout(READY_WITHIN, announced).await {
            Ok(read) => read.map_err(failed)?,
            Err(_) => return Err(not_ready(path, format!("it did not say so within {READY_WITHIN:?}"))),
        };
        match line.trim_end().strip_prefix(READY) {
            Some(url) => Ok(Self { process, stdin, _stdout: stdout, url: url.to_owned(), images }),
            None if line.is_empty() => Err(not_ready(path, "it ended, see above".to_owned())),
            None => Err(not_ready(path, format!("it said `{}`", line.trim_end()))),
        }
    }

    /// The id of the image of each function that is one.
    pub fn images(&self) -> &BTreeMap<String, String> {
        &self.images
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

/// Reads which images there are, and returns the first line that says something else.
async fn announcements(
    stdout: &mut BufReader<ChildStdout>,
    images: &mut BTreeMap<String, String>,
) -> io::Result<String> {
    loop {
        let mut line = String::new();
        stdout.read_line(&mut line).await?;
        match line.strip_prefix(IMAGE).and_then(|image| image.trim_end().split_once(' ')) {
            Some((function, id)) => _ = images.insert(function.to_owned(), id.to_owned()),
            None => return Ok(line),
        }
    }
}

fn not_ready(path: &std::path::Path, reason: String) -> LocalError {
    LocalError::NotReady { path: path.to_owned(), reason }
}

fn command(local: &LocalFunctions) -> Command {
    let mut command = Command::new(&local.lambda_local);
    command.args(["--listen", "127.0.0.1:0", "--exit-with-stdin"]);
    for (name, program) in &local.functions {
        let (flag, program) = match program {
            Program::Executable(path) => ("--function", path.as_os_str()),
            Program::Image(image) => ("--image", image.as_ref()),
        };
        let mut function = std::ffi::OsString::from(format!("{name}="));
        function.push(program);
        command.arg(flag).arg(function);
    }
    for pair in &local.env {
        command.args(["--env", pair]);
    }
    // A process group of its own: Ctrl-C is for the invoker, which ends the run first.
    command.process_group(0).kill_on_drop(true).stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}
