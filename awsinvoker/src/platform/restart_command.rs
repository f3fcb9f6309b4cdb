//! Fresh environments by commands that the entries of the endpoints file name.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures_util::future::try_join_all;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStderr, Command};

use super::boundary::{Boundary, Renewed};
use super::cause::MAX_MESSAGE_CHARS;
use crate::text::shortened;

/// How long a command may take. The next boundary may come before.
const WITHIN: Duration = Duration::from_secs(600);
/// So many bytes of its messages are kept.
const KEPT: usize = 4096;
/// What a command has written when it has ended is there at once. Whoever it started may hold its messages open.
const LAST_MESSAGES: Duration = Duration::from_millis(200);

/// The commands of one target.
#[derive(Clone, Debug)]
pub(super) struct Commands {
    /// Each once, with the endpoints at the target that it is for.
    commands: Vec<(Vec<String>, Vec<usize>)>,
    /// How long the slowest of them took the last time.
    took_ns: u64,
}

impl Commands {
    /// The commands of the endpoints at a target, in order.
    pub(super) fn new<'a>(commands: impl Iterator<Item = &'a [String]>) -> Self {
        let mut all: Vec<(Vec<String>, Vec<usize>)> = Vec::new();
        for (endpoint, command) in commands.enumerate() {
            match all.iter_mut().find(|(known, _)| known == command) {
                Some((_, endpoints)) => endpoints.push(endpoint),
                None => all.push((command.to_vec(), vec![endpoint])),
            }
        }
        Self { commands: all, took_ns: 0 }
    }

    /// Each command once.
    pub(super) fn words(&self) -> Vec<Vec<String>> {
        self.commands.iter().map(|(words, _)| words.clone()).collect()
    }

    /// Runs all commands at the same time, or that of one endpoint, as long before the boundary as they took the last time.
    pub(super) async fn restart(
        &mut self,
        boundary: &Boundary,
        endpoint: Option<usize>,
    ) -> Result<Renewed, String> {
        boundary.wait_until_ahead(self.took_ns).await;
        let begun_ns = boundary.clock.now_ns();
        let is_for = |endpoints: &[usize]| endpoint.is_none_or(|endpoint| endpoints.contains(&endpoint));
        let chosen = self.commands.iter().filter(|(_, endpoints)| is_for(endpoints));
        try_join_all(chosen.map(|(words, _)| run(words))).await?;
        let done_ns = boundary.clock.now_ns();
        self.took_ns = done_ns.saturating_sub(begun_ns);
        Ok(Renewed { begun_ns, done_ns })
    }
}

/// A command that runs. If this is dropped before its end, it is killed with all that it started.
#[derive(Debug)]
struct Running {
    process: Child,
    /// Its process group, until it has ended. What it leaves behind on purpose stays.
    group: Option<Pid>,
}

impl Running {
    /// Starts it in a process group of its own: Ctrl-C is for the invoker, which ends the run first.
    fn start(mut command: Command) -> io::Result<Self> {
        let process = command.process_group(0).kill_on_drop(true).spawn()?;
        let group = process.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        Ok(Self { process, group })
    }

    async fn end(&mut self) -> io::Result<ExitStatus> {
        let status = self.process.wait().await?;
        self.group = None;
        Ok(status)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Runs a command to its end. If this is given up, the command is killed.
async fn run(words: &[String]) -> Result<(), String> {
    let Some((program, arguments)) = words.split_first() else { return Ok(()) };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let failed = |reason: String| format!("{program}: {}", shortened(&reason, MAX_MESSAGE_CHARS));
    // Starting a process takes its thread a millisecond, which calls would wait for.
    let spawned = tokio::task::spawn_blocking(move || Running::start(command)).await;
    let running = spawned.map_err(io::Error::other).flatten();
    let mut running = running.map_err(|error| failed(format!("cannot be started: {error}")))?;
    let (mut stderr, mut said) = (running.process.stderr.take(), Vec::new());
    let ended = async {
        tokio::select! {
            biased;
            status = running.end() => return status,
            () = keep_last(&mut stderr, &mut said) => {}
        }
        running.end().await
    };
    let status = tokio::time::timeout(WITHIN, ended).await;
    let status = status.map_err(|_| failed(format!("it took more than {} s", WITHIN.as_secs())))?;
    let status = status.map_err(|error| failed(error.to_string()))?;
    if status.success() {
        return Ok(());
    }
    // What is not there by now is not waited for.
    let _ = tokio::time::timeout(LAST_MESSAGES, keep_last(&mut stderr, &mut said)).await;
    let said = String::from_utf8_lossy(&said);
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it wrote no messages");
    Err(failed(format!("{status}: {last}")))
}

/// Reads to the end, and keeps the last of it.
async fn keep_last(stderr: &mut Option<ChildStderr>, said: &mut Vec<u8>) {
    let Some(stderr) = stderr else { return };
    let mut block = [0; KEPT];
    while let Ok(count @ 1..) = stderr.read(&mut block).await {
        said.extend_from_slice(&block[..count]);
        said.drain(..said.len().saturating_sub(KEPT));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn boundary() -> Boundary {
        Boundary { clock: Clock::starting_in(Duration::ZERO), at_ns: 0, most_ahead_ns: 0 }
    }

    async fn restart(script: &str) -> Result<Renewed, String> {
        let words = ["sh", "-c", script].map(str::to_owned);
        Commands::new(std::iter::once(words.as_slice())).restart(&boundary(), None).await
    }

    #[tokio::test]
    async fn a_command_is_waited_for_and_a_failure_has_its_last_message() {
        let Renewed { begun_ns, done_ns } = restart("sleep 0.02").await.unwrap();
        assert!(done_ns - begun_ns >= 20_000_000, "{begun_ns} {done_ns}");
        let failed = restart("yes | head -c 100000 >&2; echo no cluster >&2; echo >&2; exit 3").await;
        assert_eq!(failed.unwrap_err(), "sh: exit status: 3: no cluster");
        assert_eq!(restart("exit 1").await.unwrap_err(), "sh: exit status: 1: it wrote no messages");
        let missing = ["/no/such/program".to_owned()];
        let missing = Commands::new(std::iter::once(missing.as_slice())).restart(&boundary(), None).await;
        assert_eq!(
            missing.unwrap_err(),
            "/no/such/program: cannot be started: No such file or directory (os error 2)"
        );
    }

    #[tokio::test]
    async fn a_program_that_the_command_leaves_behind_is_not_waited_for() {
        let started = Clock::starting_in(Duration::ZERO);
        assert!(restart("sleep 30 & exit 0").await.is_ok());
        assert_eq!(restart("sleep 30 & echo x >&2; exit 1").await.unwrap_err(), "sh: exit status: 1: x");
        assert!(started.now_ns() < 20_000_000_000, "{}", started.now_ns());
    }

    #[tokio::test]
    async fn what_a_command_started_ends_with_it_if_it_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let script = format!("sleep 30 & echo $! >{}; wait", file.display());
        let pid = async {
            loop {
                match std::fs::read_to_string(&file) {
                    Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
                    _ => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            }
        };
        let pid = tokio::select! {
            ended = restart(&script) => panic!("{ended:?}"),
            pid = pid => pid,
        };
        // Of one that has ended, and that nobody has waited for yet, this is empty.
        let words = || std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let begun = Clock::starting_in(Duration::ZERO);
        while !words().is_empty() {
            assert!(begun.now_ns() < 10_000_000_000, "it goes on");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn endpoints_with_the_same_command_have_it_run_once() {
        let folder = tempfile::tempdir().unwrap();
        let command = |name: &str| {
            let script = format!("echo x >>{}", folder.path().join(name).display());
            ["sh", "-c", &script].map(str::to_owned)
        };
        let [a, b] = ["a", "b"].map(command);
        let mut commands = Commands::new([a.as_slice(), b.as_slice(), a.as_slice()].into_iter());
        assert_eq!(commands.words().len(), 2);
        let runs =
            |name: &str| std::fs::read_to_string(folder.path().join(name)).map_or(0, |it| it.lines().count());
        commands.restart(&boundary(), None).await.unwrap();
        assert_eq!((runs("a"), runs("b")), (1, 1));
        commands.restart(&boundary(), Some(2)).await.unwrap();
        assert_eq!((runs("a"), runs("b")), (2, 1));
    }
}
