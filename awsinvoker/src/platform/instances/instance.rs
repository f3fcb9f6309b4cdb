//! One instance of a function, with its keeper.

use std::ffi::OsString;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use run_record::run_info::CpuLimit;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::command::{CONTAINER_PORT, Function, VARIABLES};
use super::keeper::{ENDED, GRACE, NO_CONTAINER, READY};
use crate::cli::KEEP_INSTANCE;
use crate::platform::error::StartError;
use crate::platform::local_functions::Program;
use crate::platform::tools;

/// A function may load a large model before it listens.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// A keeper needs longer than its program.
const STOPPED_WITHIN: Duration = GRACE.saturating_add(Duration::from_secs(10));
/// What a keeper has written when its process has ended is there at once.
const READ_WITHIN: Duration = Duration::from_secs(1);
/// More than a keeper writes.
const MAX_BYTES: u64 = 64 << 10;

/// An instance that listens. It ends when the standard input of its keeper ends, so also when this process dies.
#[derive(Debug)]
pub(super) struct Instance {
    keeper: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    pub(super) address: SocketAddr,
}

impl Instance {
    /// Starts an instance and waits until it listens. `number` and `run` make the name of a container unique.
    pub(super) async fn start(
        awsinvoker: &Path,
        function: &Function,
        cpu_limit: Option<CpuLimit>,
        run: &str,
        number: usize,
    ) -> Result<Self, StartError> {
        let container = match function.program {
            Program::Executable(_) => NO_CONTAINER.to_owned(),
            Program::Image(_) => format!("awsinvoker-{run}-{}-{number}", function.name),
        };
        let mut command = command(awsinvoker, function, cpu_limit, &container);
        let failed = |source| StartError::Program { program: awsinvoker.to_owned(), source };
        // Starting a process takes its thread a millisecond, which calls would wait for.
        let spawned = tokio::task::spawn_blocking(move || command.spawn()).await;
        let mut keeper = spawned.map_err(io::Error::other).and_then(|spawned| spawned).map_err(failed)?;
        let stdin = keeper.stdin.take();
        let stdout = keeper.stdout.take().ok_or_else(|| failed(io::ErrorKind::BrokenPipe.into()))?;
        let unspecified = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let mut instance = Self { keeper, stdin, stdout: BufReader::new(stdout), address: unspecified };
        match instance.listens(function, &container).await {
            Ok(address) => Ok(Self { address, ..instance }),
            Err(reason) => {
                instance.stop().await;
                Err(StartError::NoInstance { function: function.name.clone(), reason })
            }
        }
    }

    /// Waits until it listens. Fails with the reason.
    async fn listens(&mut self, function: &Function, container: &str) -> Result<SocketAddr, String> {
        let program = match &function.program {
            Program::Executable(path) => path.display().to_string(),
            Program::Image(image) => format!("the container of {image}"),
        };
        let Ok(line) = timeout(READY_WITHIN, self.line()).await else {
            drop(self.stdin.take());
            let messages = timeout(STOPPED_WITHIN, self.line_of_end()).await.unwrap_or_default();
            let expected = format!("{program} did not print `{READY}ADDRESS` within {READY_WITHIN:?}");
            return Err(with_messages(expected, &messages));
        };
        let Some(address) = line.strip_prefix(READY) else {
            let status = line.strip_prefix(ENDED).unwrap_or("its keeper was killed");
            let messages = timeout(READ_WITHIN, self.rest()).await.unwrap_or_default();
            return Err(with_messages(format!("{program} ended before it listened: {status}"), &messages));
        };
        let found = match function.program {
            Program::Executable(_) => Some(address.to_owned()),
            Program::Image(_) => tools::published_port(container, CONTAINER_PORT).await,
        };
        let address = found.as_deref().and_then(reachable);
        address.ok_or_else(|| {
            let found = found.unwrap_or_else(|| "nothing".to_owned());
            format!("{program} listens on `{found}`, expected an IP address and a port")
        })
    }

    /// The next line of the keeper without its end. It is empty at the end.
    async fn line(&mut self) -> String {
        let mut line = String::new();
        _ = (&mut self.stdout).take(MAX_BYTES).read_line(&mut line).await;
        line.trim_end().to_owned()
    }

    /// All that the keeper has not said yet.
    async fn rest(&mut self) -> String {
        let mut rest = String::new();
        _ = (&mut self.stdout).take(MAX_BYTES).read_to_string(&mut rest).await;
        rest
    }

    /// The messages after the next line, which says how the program ended.
    async fn line_of_end(&mut self) -> String {
        _ = self.line().await;
        self.rest().await
    }

    /// How the instance ended, if it did though nobody stopped it.
    pub(super) async fn ended(&mut self) -> Option<String> {
        let status = self.keeper.try_wait().ok().flatten()?;
        let line = timeout(READ_WITHIN, self.line()).await.unwrap_or_default();
        Some(line.strip_prefix(ENDED).map_or_else(|| status.to_string(), str::to_owned))
    }

    /// Lets the instance end.
    pub(super) async fn stop(mut self) {
        drop(self.stdin.take());
        if timeout(STOPPED_WITHIN, self.keeper.wait()).await.is_err() {
            tracing::warn!("an instance at {} did not end within {STOPPED_WITHIN:?}", self.address);
        }
    }
}

/// The keeper. The program gets its environment. Docker's client needs that of the user.
fn command(awsinvoker: &Path, function: &Function, cpu_limit: Option<CpuLimit>, container: &str) -> Command {
    let mut command = Command::new(awsinvoker);
    command.arg(KEEP_INSTANCE).arg(OsString::from(container)).args(function.words(container, cpu_limit));
    if let Program::Executable(_) = function.program {
        let pairs = function.env.iter().filter_map(|pair| pair.split_once('='));
        command.env_clear().envs(VARIABLES).envs(pairs);
    }
    // A process group of its own: Ctrl-C is for the invoker, which ends the run first.
    command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// The address that a program says it listens on, as it is reached from this machine.
fn reachable(address: &str) -> Option<SocketAddr> {
    let mut address: SocketAddr = address.parse().ok()?;
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    (address.port() > 0).then_some(address)
}

fn with_messages(reason: String, messages: &str) -> String {
    match messages.trim_end() {
        "" => format!("{reason}; it wrote no messages"),
        messages => format!("{reason}; its last messages:\n  {}", messages.replace('\n', "\n  ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_made_reachable() {
        let address = |text| reachable(text).map(|address| address.to_string());
        assert_eq!(address("127.0.0.1:5000").as_deref(), Some("127.0.0.1:5000"));
        assert_eq!(address("0.0.0.0:5000").as_deref(), Some("127.0.0.1:5000"));
        assert_eq!(address("[::]:5000").as_deref(), Some("[::1]:5000"));
        for wrong in ["", "5000", "localhost:1", "127.0.0.1:0", "127.0.0.1:70000"] {
            assert_eq!(address(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_last_messages_stand_below_the_reason() {
        assert_eq!(with_messages("x".to_owned(), "a\nb\n"), "x; its last messages:\n  a\n  b");
        assert_eq!(with_messages("x".to_owned(), "\n"), "x; it wrote no messages");
    }
}
