//! The `awsinvoker` command.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use awsinvoker::cli::{Args, Command, MergeArgs, ReportArgs};
use awsinvoker::platform::{self, Programs};
use awsinvoker::{Config, ConfigError, Ending, MergeError, ReportError, RunError, env_vars, logging};

const EXIT_FAILED: u8 = 1;
const EXIT_USAGE: u8 = 2;
const EXIT_NOTHING_SUCCEEDED: u8 = 3;
const EXIT_INVALID: u8 = 4;
const EXIT_THRESHOLD_BROKEN: u8 = 5;

fn main() -> ExitCode {
    logging::start(env_vars::log().as_deref());
    let result = match Command::parse(std::env::args_os()) {
        Ok(Command::Run(args)) => run(&args),
        Ok(Command::Report(ReportArgs { folder })) => report(&folder),
        Ok(Command::Merge(args)) => merge(&args),
        Ok(Command::Keep(words)) => {
            return platform::keep_instance(&words)
                .map_or(ExitCode::from(EXIT_FAILED), |()| ExitCode::SUCCESS);
        }
        Err(error) => error.exit(),
    };
    logging::flush();
    match result {
        Ok(Ending::Complete) => ExitCode::SUCCESS,
        Ok(Ending::NothingSucceeded) => ExitCode::from(EXIT_NOTHING_SUCCEEDED),
        Ok(Ending::Invalid) => ExitCode::from(EXIT_INVALID),
        Ok(Ending::ThresholdBroken) => ExitCode::from(EXIT_THRESHOLD_BROKEN),
        Ok(Ending::Interrupted(interrupt)) => ExitCode::from(interrupt.exit_code()),
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "the last word of a command")]
            {
                eprintln!("error: {}", message(&error));
            }
            let is_refused = matches!(error.downcast_ref(), Some(RunError::NotAlike(_)));
            ExitCode::from(if is_refused || error.is::<ConfigError>() { EXIT_USAGE } else { EXIT_FAILED })
        }
    }
}

fn run(args: &Args) -> anyhow::Result<Ending> {
    let executable = std::env::current_exe().context("cannot find this executable")?;
    let config = Config::resolve(args, &Programs::new(&executable, env_vars::path().as_deref()))?;
    for key in &config.plan.endpoints.unknown_keys {
        tracing::warn!("--endpoints-file: the key `{key}` means nothing here and is ignored");
    }
    for note in &config.plan.notes {
        tracing::info!("{note}");
    }
    let command_line: Vec<String> =
        std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config.workers.into())
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    Ok(runtime.block_on(awsinvoker::run(&config, &command_line, &mut io::stdout()))?)
}

/// Complete or not, the report is what was asked for.
fn report(folder: &Path) -> anyhow::Result<Ending> {
    match awsinvoker::report(folder, &mut io::stdout()) {
        // Whoever reads it, as `head` does, has seen enough.
        Err(ReportError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {}
        reported => reported?,
    }
    Ok(Ending::Complete)
}

/// A merged run ends as if it had been made by one load generator.
fn merge(args: &MergeArgs) -> anyhow::Result<Ending> {
    Ok(awsinvoker::merge(&args.folders, &args.out, &mut io::stdout())?)
}

/// The message with its cause, once: the library's own errors name their causes themselves.
fn message(error: &anyhow::Error) -> String {
    if error.is::<ConfigError>()
        || error.is::<RunError>()
        || error.is::<ReportError>()
        || error.is::<MergeError>()
    {
        error.to_string()
    } else {
        format!("{error:#}")
    }
}
