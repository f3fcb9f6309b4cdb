//! The operating-system process of an environment.

use std::io::{self, PipeReader};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Stdio;
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

use super::exit::Exit;
use super::proc;

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
        proc::peak_memory_kib(self.child.id()?)
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
