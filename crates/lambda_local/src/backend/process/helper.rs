//! The spawner's side: a small process that starts those of the functions, and tells the server how they end.
//!
//! To start a process, the kernel copies the page tables of the one that asks for it. Those of the server grow with the
//! answers that it carries; those of this process do not.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{
    Pid, Resource, Rlimit, Signal, WaitOptions, getpid, getppid, getrlimit, kill_process_group,
    set_parent_process_death_signal, setrlimit, wait,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::signal::unix::{SignalKind, signal};

use super::message::{Order, Report, receive_header};
use super::root::{self, Place};
use crate::clock;

/// The argument of a spawner whose processes see the files of this machine.
pub(crate) const SPAWN_FLAG: &str = "--spawn";
/// The argument of a spawner whose processes each see a folder as the root of their file system.
pub(crate) const SPAWN_IN_ROOTS_FLAG: &str = "--spawn-in-roots";

/// How many files Lambda lets a function open.
const OPEN_FILES: u64 = 1024;

/// Acts as a spawner: takes orders from standard input, a socket, until the server has closed it. Then ends all that
/// was started. Has to run on the main thread: the kernel ends the processes with the thread that started them.
///
/// # Errors
/// If standard input is not such a socket.
pub(crate) async fn take_orders(in_roots: bool) -> io::Result<()> {
    // Only the end of the server ends this process, not a signal to its terminal or to all processes of its name.
    let signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
    let mut exits = signal(SignalKind::child())?;
    let socket = StdStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    socket.set_nonblocking(true)?;
    let socket = UnixStream::from_std(socket)?;
    let mut spawner = Helper { socket, roots: HashSet::new(), running: HashMap::new() };
    if in_roots && let Err(error) = root::leave_mounts() {
        return spawner.report(&Report::Unable { error: error.into() }).await;
    }
    spawner.report(&Report::Ready).await?;
    let result = loop {
        tokio::select! {
            ready = spawner.socket.readable() => match spawner.receive().await {
                _ if ready.is_err() => break ready,
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(error) => break Err(error),
            },
            _ = exits.recv() => if let Err(error) = spawner.report_exits().await { break Err(error) },
        }
    };
    drop(signals);
    result
}

struct Helper {
    socket: UnixStream,
    /// The root folders that are ready.
    roots: HashSet<OsString>,
    /// The order of each process that runs.
    running: HashMap<Pid, u64>,
}

impl Helper {
    /// Receives an order, if there is one, and carries it out. False if no order will come any more.
    async fn receive(&mut self) -> io::Result<bool> {
        let header = self.socket.try_io(Interest::READABLE, || receive_header(&self.socket));
        let (length, output) = match header {
            Ok(Some(header)) => header,
            Ok(None) => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
            Err(error) => return Err(error),
        };
        let mut order = vec![0; length];
        self.socket.read_exact(&mut order).await?;
        let report = self.carry_out(serde_json::from_slice(&order)?, output);
        self.report(&report).await?;
        Ok(true)
    }

    fn carry_out(&mut self, order: Order, output: OwnedFd) -> Report {
        let number = order.number;
        match self.furnish(order.root.as_ref()).and_then(|()| start(order, output)) {
            Ok((pid, before)) => {
                self.running.insert(pid, number);
                Report::Started { order: number, pid: pid.as_raw_pid(), before }
            }
            Err(error) => Report::Failed { order: number, error: error.into() },
        }
    }

    /// Makes a root folder ready that is new here.
    fn furnish(&mut self, root: Option<&OsString>) -> io::Result<()> {
        if let Some(root) = root.filter(|root| !self.roots.contains(*root)) {
            root::furnish(Path::new(root))?;
            self.roots.insert(root.clone());
        }
        Ok(())
    }

    async fn report_exits(&mut self) -> io::Result<()> {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            // The process is gone, but its group exists as long as anything in it runs.
            let _ = kill_process_group(pid, Signal::KILL);
            if let Some(order) = self.running.remove(&pid) {
                self.report(&Report::Exited { order, status: status.as_raw() }).await?;
            }
        }
        Ok(())
    }

    async fn report(&mut self, report: &Report) -> io::Result<()> {
        let mut line = serde_json::to_vec(report)?;
        line.push(b'\n');
        self.socket.write_all(&line).await
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        for pid in self.running.keys() {
            // It may have ended by itself.
            let _ = kill_process_group(*pid, Signal::KILL);
        }
    }
}

/// Starts a process. Returns its number, and when the kernel was asked for it.
fn start(order: Order, output: OwnedFd) -> io::Result<(Pid, Duration)> {
    let Order { program, arguments, root, folder, variables, .. } = order;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(variables)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        // A group of its own, so that what the function starts ends with it, and Ctrl-C does not reach it.
        .process_group(0);
    let place = match root {
        Some(root) => Some(Place::new(Path::new(&root), Path::new(&folder))?),
        None => {
            command.current_dir(folder);
            None
        }
    };
    let spawner = getpid();
    let own_limit = getrlimit(Resource::Nofile).maximum.unwrap_or(OPEN_FILES);
    let open_files = OPEN_FILES.min(own_limit);
    let prepare = move || {
        confine(spawner, open_files)?;
        place.as_ref().map_or(Ok(()), Place::enter)
    };
    #[expect(unsafe_code, reason = "nothing else ties a process to its parent, or changes its root folder")]
    // SAFETY: the closure runs in the forked child. It only makes system calls; it neither allocates nor locks.
    unsafe {
        command.pre_exec(prepare);
    }
    let before = clock::monotonic();
    let child = command.spawn()?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    Ok((pid.ok_or(io::ErrorKind::InvalidData)?, before))
}

/// Makes the kernel kill this process when the spawner dies, and limits the files that this process may open.
fn confine(spawner: Pid, open_files: u64) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if getppid() != Some(spawner) {
        // The spawner died before the line above.
        return Err(io::ErrorKind::BrokenPipe.into());
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(open_files), maximum: Some(open_files) })?;
    Ok(())
}
