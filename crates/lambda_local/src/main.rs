//! `lambda-local`: the binary of the local Lambda.

mod cli;

use std::collections::BTreeSet;
use std::env;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Parser;
use lambda_local::{Config, FunctionConfig, LocalLambda, Program, REAP_FLAG};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::cli::{Args, FunctionArg, ImageArg, VariableArg};

/// AWS credentials are passed on to the functions, as Lambda gives them those of their role.
const CREDENTIALS: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
/// Signals within this time are one: closing a terminal sends two, and so may `timeout`.
const SAME_SIGNAL: Duration = Duration::from_millis(250);
/// How long what cannot be interrupted, such as writing the log, may keep this process from ending.
const THREAD_GRACE: Duration = Duration::from_secs(1);

fn main() -> Result<()> {
    let words: Vec<_> = env::args_os().skip(1).collect();
    log_to_stderr();
    match words.as_slice() {
        // What a server starts beside itself is not for the command line's help.
        [flag, run] if flag == REAP_FLAG => {
            block_on(async { Ok(lambda_local::reap(&run.to_string_lossy()).await?) })
        }
        _ => {
            let args = Args::parse();
            raise_open_files(args.concurrency);
            block_on(run(args))
        }
    }
}

fn block_on(work: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("cannot start the async runtime")?;
    let result = runtime.block_on(work);
    // Ends all that still runs, and with it the functions.
    runtime.shutdown_timeout(THREAD_GRACE);
    result
}

async fn run(args: Args) -> Result<()> {
    let config = resolve(&args)?;
    let stopping = CancellationToken::new();
    let mut shutdown = Box::pin(shutdown(args.exit_with_stdin, stopping.clone())?);
    let listener =
        TcpListener::bind(args.listen).await.with_context(|| format!("cannot listen on {}", args.listen))?;
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
        () = told_again(stopping) => bail!("told to stop once more before all functions had ended in order"),
    }
}

fn resolve(args: &Args) -> Result<Config> {
    let programs = programs(args)?;
    let credentials = CREDENTIALS.map(|key| VariableArg { key: key.to_owned(), value: None });
    let environment = variables(&credentials).chain(variables(&args.variables)).collect::<Vec<_>>();
    let functions = programs.into_iter().map(|(name, program)| FunctionConfig {
        memory_mb: args.memory,
        timeout: args.timeout(),
        environment: environment.clone(),
        ..FunctionConfig::new(name, program)
    });
    Ok(Config {
        region: args.region.clone(),
        concurrency: args.concurrency.try_into().context("--concurrency is too large")?,
        idle_timeout: Duration::from_secs(args.idle_timeout),
        reaper: Some(env::current_exe().context("cannot find this executable")?),
        ..Config::new(functions.collect())
    })
}

/// What runs each function, by name.
fn programs(args: &Args) -> Result<Vec<(&str, Program)>> {
    let mut programs = Vec::new();
    for FunctionArg { name, path } in &args.functions {
        let executable = executable(path).with_context(|| format!("--function {name}={}", path.display()))?;
        programs.push((name.as_str(), Program::Executable(executable)));
    }
    programs.extend(
        args.images.iter().map(|ImageArg { name, image }| (name.as_str(), Program::Image(image.clone()))),
    );
    let mut names = BTreeSet::new();
    if let Some((twice, _)) = programs.iter().find(|(name, _)| !names.insert(*name)) {
        bail!("the function {twice:?} is given twice; expected names that differ");
    }
    Ok(programs)
}

/// The variables that have a value, given or in the own environment.
fn variables(args: &[VariableArg]) -> impl Iterator<Item = (String, String)> {
    args.iter().filter_map(|VariableArg { key, value }| {
        let value = value.clone().or_else(|| env::var(key).ok())?;
        Some((key.clone(), value))
    })
}

/// The absolute path of a program that can be run.
fn executable(path: &Path) -> Result<PathBuf> {
    let path = std::path::absolute(path).context("not a path")?;
    let metadata = path.metadata().with_context(|| format!("cannot find the program {}", path.display()))?;
    if !metadata.is_file() || metadata.permissions().mode() & 0o111 == 0 {
        bail!("{} is not a program that may be executed", path.display());
    }
    Ok(path)
}

/// Ready on Ctrl-C, SIGTERM, SIGHUP and, if wanted, at the end of standard input; cancels `stopping` then.
fn shutdown(
    with_stdin: bool,
    stopping: CancellationToken,
) -> Result<impl Future<Output = ()> + Send + 'static> {
    let mut signals = Signals::new().context("cannot watch for signals")?;
    Ok(async move {
        tokio::select! {
            () = signals.next() => {}
            () = end_of_stdin(), if with_stdin => {}
        }
        stopping.cancel();
    })
}

/// Ready on a signal that comes while this is `stopping`: whoever sends it does not want to wait for Docker.
async fn told_again(stopping: CancellationToken) {
    stopping.cancelled().await;
    tokio::time::sleep(SAME_SIGNAL).await;
    match Signals::new() {
        Ok(mut signals) => signals.next().await,
        // What has begun in order goes on so.
        Err(_) => std::future::pending().await,
    }
}

/// The signals that mean to stop.
struct Signals([Signal; 3]);

impl Signals {
    fn new() -> io::Result<Self> {
        let [interrupt, terminate, hang_up] =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
        Ok(Self([interrupt?, terminate?, hang_up?]))
    }

    async fn next(&mut self) {
        let Self([interrupt, terminate, hang_up]) = self;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    }
}

/// Ready when standard input has ended. A thread of its own reads it, since a blocked read would keep the async
/// runtime from stopping.
async fn end_of_stdin() {
    let (ended, end) = oneshot::channel();
    std::thread::spawn(move || {
        // An input that cannot be read has ended as well.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        ended.send(())
    });
    let _ = end.await;
}

fn announce(line: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).context("cannot write to standard output")
}

fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Plain on a terminal, too: a build without tracing-subscriber's colours panics when it is asked for them.
        .with_ansi(false)
        .with_writer(std::io::stderr)
        // A log that nobody reads any more must not end what it tells of: this would print to the same place.
        .log_internal_errors(false)
        .init();
}

/// Descriptors for one environment and its client, generously.
const FILES_PER_ENVIRONMENT: u64 = 12;

/// Allows as many descriptors as possible: the usual soft limit of 1024 is there for programs that use `select`,
/// which this one does not.
fn raise_open_files(concurrency: u32) {
    let limit = getrlimit(Resource::Nofile);
    let needed = FILES_PER_ENVIRONMENT * u64::from(concurrency);
    if let Some(maximum) = limit.maximum.filter(|maximum| *maximum < needed) {
        tracing::warn!(
            "at most {maximum} files may be open, {concurrency} requests at a time may need {needed}: raise the limit \
             (ulimit -Hn) or lower --concurrency"
        );
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!("cannot raise the limit of open files above {:?}: {error}", limit.current);
    }
}
