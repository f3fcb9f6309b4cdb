//! The `awsinvoker` command.

use std::io;
use std::process::ExitCode;

use anyhow::Context as _;
use awsinvoker::cli::Args;
use awsinvoker::config::{Config, ConfigError};
use awsinvoker::env_vars::AWSINVOKER_LOG;
use awsinvoker::run::{self, Ending, RunError};
use tracing_subscriber::EnvFilter;

/// More would only take cores from what is measured; one drives several thousand calls a second.
const WORKER_THREADS: usize = 1;

const EXIT_FAILED: u8 = 1;
const EXIT_USAGE: u8 = 2;
const EXIT_NOTHING_SUCCEEDED: u8 = 3;

fn main() -> ExitCode {
    let args = match Args::parse_from_go_style(std::env::args_os()) {
        Ok(args) => args,
        Err(error) => error.exit(),
    };
    match run(&args) {
        Ok(Ending::Complete) => ExitCode::SUCCESS,
        Ok(Ending::NothingSucceeded) => ExitCode::from(EXIT_NOTHING_SUCCEEDED),
        Ok(Ending::Interrupted(interrupt)) => ExitCode::from(interrupt.exit_code()),
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "the last word of a command")]
            {
                eprintln!("error: {}", message(&error));
            }
            ExitCode::from(if error.is::<ConfigError>() { EXIT_USAGE } else { EXIT_FAILED })
        }
    }
}

fn run(args: &Args) -> anyhow::Result<Ending> {
    let filter = EnvFilter::try_from_env(AWSINVOKER_LOG).unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false).init();
    let executable = std::env::current_exe().context("cannot find this executable")?;
    let config = Config::resolve(args, executable.parent().unwrap_or(&executable))?;
    for key in &config.endpoints.unknown_keys {
        tracing::warn!("--endpoints-file: the key `{key}` means nothing here and is ignored");
    }
    let command_line: Vec<String> =
        std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime =
        runtime.worker_threads(WORKER_THREADS).enable_all().build().context("cannot start the runtime")?;
    Ok(runtime.block_on(run::run(&config, &command_line, &mut io::stdout()))?)
}

/// The message with its cause, once: the library's own errors name theirs themselves.
fn message(error: &anyhow::Error) -> String {
    if error.is::<ConfigError>() || error.is::<RunError>() { error.to_string() } else { format!("{error:#}") }
}
