//! The `awsinvoker` command.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use awsinvoker::cli::{Args, Command, CompareArgs, ExperimentArgs, MergeArgs, ReportArgs};
use awsinvoker::platform::{self, Programs};
use awsinvoker::{
    CompareError, Config, Ending, Error, Experiment, ReportError, Threads, env_vars, logging, scheduling,
};

const EXIT_FAILED: u8 = 1;
const EXIT_USAGE: u8 = 2;
const EXIT_NOTHING_SUCCEEDED: u8 = 3;
const EXIT_INVALID: u8 = 4;
const EXIT_THRESHOLD_BROKEN: u8 = 5;

fn main() -> ExitCode {
    logging::start(env_vars::log().as_deref());
    let result = match Command::parse(std::env::args_os()) {
        Ok(Command::Run(args)) => run(&args),
        Ok(Command::Experiment(args)) => experiment(&args),
        Ok(Command::Report(args)) => report(&args),
        Ok(Command::Compare(args)) => compare(&args),
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
                eprintln!("error: {error}");
            }
            ExitCode::from(if error.is_usage() { EXIT_USAGE } else { EXIT_FAILED })
        }
    }
}

fn run(args: &Args) -> Result<Ending, Error> {
    let config = Config::resolve(args, &programs()?)?;
    for key in &config.plan.endpoints.unknown_keys {
        tracing::warn!("--endpoints-file: the key `{key}` means nothing here and is ignored");
    }
    for note in &config.plan.notes {
        tracing::info!("{note}");
    }
    let command_line: Vec<String> =
        std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let runtime = runtime(config.threads)?;
    Ok(runtime.block_on(awsinvoker::run(&config, &command_line, &mut io::stdout()))?)
}

fn experiment(args: &ExperimentArgs) -> Result<Ending, Error> {
    let programs = programs()?;
    let experiment = Experiment::prepare(args, &programs)?;
    let runtime = runtime(experiment.threads())?;
    let out = &mut io::stdout();
    Ok(runtime.block_on(async {
        if args.estimate { experiment.estimate(out).await } else { experiment.run(out).await }
    })?)
}

fn programs() -> Result<Programs, Error> {
    let executable = std::env::current_exe().map_err(Error::Executable)?;
    Ok(Programs::new(&executable, env_vars::path().as_deref()))
}

fn runtime(threads: Threads) -> Result<tokio::runtime::Runtime, Error> {
    let Threads { workers, scheduling } = threads;
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(workers.into()).on_thread_start(move || scheduling::apply(scheduling));
    builder.enable_all().build().map_err(Error::Runtime)
}

/// Complete or not, the report is what was asked for.
fn report(args: &ReportArgs) -> Result<Ending, Error> {
    match awsinvoker::report(args, &mut io::stdout()) {
        // Whoever reads it, as `head` does, has seen enough.
        Err(ReportError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {}
        reported => reported?,
    }
    Ok(Ending::Complete)
}

/// A merged run ends as if it had been made by one load generator.
fn merge(args: &MergeArgs) -> Result<Ending, Error> {
    if let Some(seconds) = args.wait {
        awsinvoker::wait_for_shards(&args.folders, Duration::from_secs_f64(seconds));
    }
    Ok(awsinvoker::merge(&args.folders, &args.out, &mut io::stdout())?)
}

/// Complete or not, and whatever it says: an invalid comparison has an exit code of its own.
fn compare(args: &CompareArgs) -> Result<Ending, Error> {
    match awsinvoker::compare_and_write(args, &mut io::stdout()) {
        Err(CompareError::Stdout(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Ending::Complete),
        Ok(true) => Ok(Ending::Complete),
        Ok(false) => Ok(Ending::Invalid),
        Err(error) => Err(error.into()),
    }
}
