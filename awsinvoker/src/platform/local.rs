//! A local Lambda that is started for the run, in a process of its own so that it does not disturb the pacing.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use run_record::run_info::LocalInfo;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::error::{ConfigError, StartError};
use super::local_functions::{self, LocalFunction, Program, Wanted};
use super::programs::Programs;
use super::tools;
use crate::cli::PlatformArgs;
use crate::plan::endpoints::Endpoints;

/// A local Lambda only binds a port before it is ready, and asks Docker about images.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// A local Lambda may have containers to remove. Its own time-outs for that are shorter together.
const STOPPED_WITHIN: Duration = Duration::from_secs(120);
/// The line about an image: this, the function's name, and the image's id.
const IMAGE: &str = "image ";
const READY: &str = "listening on ";
/// The program of the local Lambda.
const LAMBDA_LOCAL: &str = "lambda-local";

/// What a local Lambda is started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LocalConfig {
    /// Its own program.
    pub(super) lambda_local: PathBuf,
    /// What it serves.
    pub(super) functions: Vec<LocalFunction>,
    /// `KEY=VALUE` for the functions.
    pub(super) env: Vec<String>,
}

/// A local Lambda that runs. It ends when its standard input ends, so also when this process dies.
#[derive(Debug)]
pub(crate) struct LocalLambda {
    process: Child,
    stdin: Option<ChildStdin>,
    /// Kept open, so that a line printed later does not fail.
    _stdout: BufReader<ChildStdout>,
    url: String,
    images: BTreeMap<String, String>,
    info: LocalInfo,
}

impl LocalConfig {
    /// Finds what is to be started for these endpoints.
    pub(super) fn resolve(
        args: &PlatformArgs,
        endpoints: &Endpoints,
        wanted: &[Wanted<'_>],
        programs: &Programs,
    ) -> Result<Self, ConfigError> {
        let lambda_local = programs.own(LAMBDA_LOCAL, "lambda_local", "crates/lambda_local")?;
        let functions = local_functions::resolve(endpoints, wanted, args.images, programs)?;
        Ok(Self { lambda_local, functions, env: args.env.clone() })
    }

    /// The function of this name.
    pub(super) fn function(&self, name: &str) -> Option<&LocalFunction> {
        self.functions.iter().find(|function| function.name == name)
    }

    /// Whether a function runs from an image.
    pub(super) fn has_images(&self) -> bool {
        self.functions.iter().any(|function| matches!(function.program, Program::Image(_)))
    }
}

impl LocalLambda {
    /// Starts a local Lambda and waits until it listens.
    ///
    /// # Errors
    /// It cannot be started, ends, or takes longer than a minute.
    pub(super) async fn start(config: &LocalConfig) -> Result<Self, StartError> {
        let path = &config.lambda_local;
        let failed = |source| StartError::Program { program: path.clone(), source };
        let version = tools::version(path).await;
        let mut command = command(config);
        let info = LocalInfo { version, command_line: command_line(&command) };
        let mut process = command.spawn().map_err(failed)?;
        let stdin = process.stdin.take();
        let stdout = process.stdout.take().ok_or_else(|| failed(io::ErrorKind::BrokenPipe.into()))?;
        let mut stdout = BufReader::new(stdout);
        let mut images = BTreeMap::new();
        let announced = announcements(&mut stdout, &mut images);
        let line = match tokio::time::timeout(READY_WITHIN, announced).await {
            Ok(read) => read.map_err(failed)?,
            Err(_) => return Err(not_ready(path, format!("it was not ready within {READY_WITHIN:?}"))),
        };
        match line.trim_end().strip_prefix(READY) {
            Some(url) => Ok(Self { process, stdin, _stdout: stdout, url: url.to_owned(), images, info }),
            None if line.is_empty() => {
                Err(not_ready(path, "the process ended; its messages are above".to_owned()))
            }
            None => Err(not_ready(path, format!("it printed `{}`", line.trim_end()))),
        }
    }

    /// The id of the image of each function that runs from an image.
    pub(super) fn images(&self) -> &BTreeMap<String, String> {
        &self.images
    }

    /// What was started.
    pub(super) fn info(&self) -> &LocalInfo {
        &self.info
    }

    /// The address of its Invoke API.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// How the process ended, if it did though nobody stopped it.
    pub(crate) fn ended(&mut self) -> Option<String> {
        self.process.try_wait().ok().flatten().map(|status| status.to_string())
    }

    /// Lets the process end its functions and itself. Kills it if it does not end in time.
    pub(crate) async fn stop(mut self) {
        drop(self.stdin.take());
        if tokio::time::timeout(STOPPED_WITHIN, self.process.wait()).await.is_err() {
            tracing::warn!("lambda-local did not end within {STOPPED_WITHIN:?} and is killed");
        }
        // Dropping the process kills it.
    }
}

/// Reads the lines about images, and returns the first other line.
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

fn not_ready(path: &Path, reason: String) -> StartError {
    StartError::NotReady { program: path.to_owned(), reason }
}

/// A program and its arguments.
fn command_line(command: &Command) -> Vec<String> {
    let command = command.as_std();
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect()
}

fn command(config: &LocalConfig) -> Command {
    let mut command = Command::new(&config.lambda_local);
    command.args(["--listen", "127.0.0.1:0", "--exit-with-stdin"]);
    for LocalFunction { name, program, .. } in &config.functions {
        let (flag, program) = match program {
            Program::Executable(path) => ("--function", path.as_os_str()),
            Program::Image(image) => ("--image", image.as_ref()),
        };
        let mut function = OsString::from(format!("{name}="));
        function.push(program);
        command.arg(flag).arg(function);
    }
    for LocalFunction { name, memory_mb, .. } in &config.functions {
        if let Some(mb) = memory_mb {
            command.arg("--memory").arg(format!("{name}={mb}"));
        }
    }
    for pair in &config.env {
        command.args(["--env", pair]);
    }
    // A process group of its own: Ctrl-C is for the invoker, which ends the run first.
    command.process_group(0).kill_on_drop(true).stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}
