//! The operating-system process of an environment.

use std::fmt;
use std::io::{self, PipeReader};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;

use rustix::io::Errno;
use rustix::process::{
    Pid, Resource, Rlimit, Signal, getpid, getppid, getrlimit, kill_process_group,
    set_parent_process_death_signal, setrlimit,
};
use thiserror::Error;
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// How many files Lambda lets a function open.
const OPEN_FILES: u64 = 1024;

/// What to start.
#[derive(Debug, Clone)]
pub(crate) struct ProcessSpec {
    pub(crate) executable: PathBuf,
    /// The whole environment: nothing is inherited.
    pub(crate) environment: Vec<(String, String)>,
}

/// The process could not be started.
#[derive(Debug, Error)]
#[error("fork/exec {executable}: {source}")]
pub(crate) struct StartError {
    executable: String,
    source: io::Error,
}

impl StartError {
    /// Whether the system is short of descriptors, processes or memory.
    pub(crate) fn is_shortage(&self) -> bool {
        const SHORTAGES: [Errno; 4] = [Errno::MFILE, Errno::NFILE, Errno::AGAIN, Errno::NOMEM];
        Errno::from_io_error(&self.source).is_some_and(|errno| SHORTAGES.contains(&errno))
    }
}

/// Starts processes, on a thread of its own.
///
/// Starting one blocks for about a millisecond, which must not delay requests. And the kernel ends a process
/// "when its parent dies", by which it means the thread that started it: this thread lives as long as the server.
#[derive(Debug, Clone)]
pub(crate) struct Spawner {
    orders: mpsc::Sender<Order>,
}

struct Order {
    spec: ProcessSpec,
    reply: oneshot::Sender<io::Result<Started>>,
}

/// A process that has just been started.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) process: Process,
    /// Its standard output and error, in order.
    pub(crate) output: OwnedFd,
    /// Before the system was asked to start it.
    pub(crate) at: Instant,
}

impl Spawner {
    /// Starts the thread, from within the async runtime; it ends with the last clone of the spawner.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub(crate) fn new() -> io::Result<Self> {
        let (orders, inbox) = mpsc::channel::<Order>();
        let runtime = Handle::current();
        thread::Builder::new().name("spawner".to_owned()).spawn(move || {
            let _entered = runtime.enter();
            for Order { spec, reply } in inbox {
                // If nobody waits any more, dropping the process ends it.
                let _ = reply.send(start(&spec));
            }
        })?;
        Ok(Self { orders })
    }

    /// Starts a process.
    ///
    /// # Errors
    /// If there is no such program, or the system cannot start it.
    pub(crate) async fn start(&self, spec: ProcessSpec) -> Result<Started, StartError> {
        let executable = spec.executable.display().to_string();
        self.order(spec).await.map_err(|source| StartError { executable, source })
    }

    async fn order(&self, spec: ProcessSpec) -> io::Result<Started> {
        let gone = || io::Error::other("the thread that starts processes has ended");
        let (reply, answer) = oneshot::channel();
        self.orders.send(Order { spec, reply }).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

fn start(spec: &ProcessSpec) -> io::Result<Started> {
    let (output, writer) = io::pipe()?;
    let mut command = Command::new(&spec.executable);
    command
        .env_clear()
        .envs(spec.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        // A group of its own, so that what the function starts ends with it, and Ctrl-C does not reach it.
        .process_group(0)
        .kill_on_drop(true);
    if let Some(folder) = spec.executable.parent() {
        command.current_dir(folder);
    }
    let server = getpid();
    let own_limit = getrlimit(Resource::Nofile).maximum.unwrap_or(OPEN_FILES);
    let open_files = OPEN_FILES.min(own_limit);
    #[expect(unsafe_code, reason = "nothing else ties a process to its parent")]
    // SAFETY: the closure runs in the forked child. It only makes system calls; it neither allocates nor locks.
    unsafe {
        command.pre_exec(move || tie_to_server(server, open_files));
    }
    let at = Instant::now();
    let child = command.spawn()?;
    Ok(Started { process: Process { group: group_of(&child), child }, output: PipeReader::into(output), at })
}

/// Makes the kernel kill this process when the server dies, however it dies; limits the files that it may open.
fn tie_to_server(server: Pid, open_files: u64) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if getppid() != Some(server) {
        // The server died before the line above.
        return Err(io::ErrorKind::BrokenPipe.into());
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(open_files), maximum: Some(open_files) })?;
    Ok(())
}

/// The group that a process leads, which has its number.
fn group_of(child: &Child) -> Option<Pid> {
    child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
}

/// A running process; dropping it kills it and all processes of its group.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// `None` once the process has exited and what was left of its group has been killed.
    group: Option<Pid>,
}

impl Process {
    /// Waits until the process exits. May be cancelled, and called again afterwards.
    pub(crate) async fn exited(&mut self) -> Exit {
        let status = self.child.wait().await;
        self.kill_group();
        match status {
            Ok(status) => Exit::Status(status),
            Err(error) => Exit::Lost(error.to_string()),
        }
    }

    /// Asks the process and its group to end.
    pub(crate) fn terminate(&self) {
        self.signal_group(Signal::TERM);
    }

    /// Ends the process and its group at once.
    pub(crate) async fn kill(&mut self) {
        self.signal_group(Signal::KILL);
        self.exited().await;
    }

    /// The most memory that the process had resident so far, in KiB; `None` once it has exited.
    pub(crate) fn peak_memory_kib(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()?)).ok()?;
        parse_peak_memory(&status)
    }

    fn kill_group(&mut self) {
        self.signal_group(Signal::KILL);
        self.group = None;
    }

    fn signal_group(&self, signal: Signal) {
        if let Some(group) = self.group {
            // It may have ended by itself.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_group();
    }
}

fn parse_peak_memory(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim_end().parse().ok()
}

/// How a process ended, in the words of Lambda.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Exit {
    Status(ExitStatus),
    /// The operating system could not say.
    Lost(String),
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => match (status.code(), status.signal()) {
                (Some(0), _) => f.write_str("Runtime exited without providing a reason"),
                (Some(code), _) => write!(f, "Runtime exited with error: exit status {code}"),
                (None, signal) => {
                    write!(
                        f,
                        "Runtime exited with error: signal: {}",
                        signal_name(signal.unwrap_or_default())
                    )
                }
            },
            Self::Lost(error) => write!(f, "Runtime exited with error: {error}"),
        }
    }
}

/// Signals as Go's runtime, in which Lambda's is written, names them.
fn signal_name(signal: i32) -> String {
    const NAMES: [(Signal, &str); 11] = [
        (Signal::ABORT, "aborted"),
        (Signal::ALARM, "alarm clock"),
        (Signal::BUS, "bus error"),
        (Signal::FPE, "floating point exception"),
        (Signal::HUP, "hangup"),
        (Signal::ILL, "illegal instruction"),
        (Signal::INT, "interrupt"),
        (Signal::KILL, "killed"),
        (Signal::PIPE, "broken pipe"),
        (Signal::SEGV, "segmentation fault"),
        (Signal::TERM, "terminated"),
    ];
    let known = NAMES.iter().find(|(known, _)| known.as_raw() == signal);
    known.map_or_else(|| format!("signal {signal}"), |(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exits_read_as_on_lambda() {
        for (status, expected) in [
            (0, "Runtime exited without providing a reason"),
            (127 << 8, "Runtime exited with error: exit status 127"),
            (9, "Runtime exited with error: signal: killed"),
            (11, "Runtime exited with error: signal: segmentation fault"),
            (40, "Runtime exited with error: signal: signal 40"),
        ] {
            assert_eq!(Exit::Status(ExitStatus::from_raw(status)).to_string(), expected);
        }
    }

    #[test]
    fn the_peak_is_read_from_the_status_of_the_process() {
        assert_eq!(parse_peak_memory("Name:\tx\nVmHWM:\t   36864 kB\nVmRSS:\t 1 kB\n"), Some(36864));
        assert_eq!(parse_peak_memory("Name:\tzombie\n"), None);
    }
}
