//! The spawner's side: a small process that starts those of the functions, and tells the server how they end.
//!
//! To start a process, the kernel copies the page tables of the one that asks for it. Those of the server grow with the
//! answers that it carries; those of this process do not.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::process::{
    Pid, Resource, Rlimit, Signal, WaitOptions, getpid, getppid, getrlimit, kill_process_group,
    set_parent_process_death_signal, setrlimit, wait,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::signal::unix::{SignalKind, signal};

use super::message::{Order, Report, receive_header};
use crate::clock;

/// The only argument of a spawner.
pub(crate) const SPAWN_FLAG: &str = "--spawn";

/// How many files Lambda lets a function open.
const OPEN_FILES: u64 = 1024;

/// Acts as a spawner: takes orders from standard input, a socket, until the server has closed it. Then ends all that
/// was started. Has to run on the main thread: the kernel ends the processes with the thread that started them.
///
/// # Errors
/// If standard input is not such a socket.
pub(crate) async fn take_orders() -> io::Result<()> {
    // Only the end of the server ends this process, not a signal to its terminal or to all processes of its name.
    let signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
    let mut exits = signal(SignalKind::child())?;
    let socket = StdStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    socket.set_nonblocking(true)?;
    let mut spawner = Helper { socket: UnixStream::from_std(socket)?, running: HashMap::new() };
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
        let before = clock::monotonic();
        match start(order, output) {
            Ok(pid) => {
                self.running.insert(pid, number);
                Report::Started { order: number, pid: pid.as_raw_pid(), before }
            }
            Err(error) => Report::Failed { order: number, error: error.into() },
        }
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

fn start(order: Order, output: OwnedFd) -> io::Result<Pid> {
    let Order { program, arguments, folder, variables, .. } = order;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .envs(variables)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        // A group of its own, so that what the function starts ends with it, and Ctrl-C does not reach it.
        .process_group(0);
    let spawner = getpid();
    let own_limit = getrlimit(Resource::Nofile).maximum.unwrap_or(OPEN_FILES);
    let open_files = OPEN_FILES.min(own_limit);
    #[expect(unsafe_code, reason = "nothing else ties a process to its parent")]
    // SAFETY: the closure runs in the forked child. It only makes system calls; it neither allocates nor locks.
    unsafe {
        command.pre_exec(move || confine(spawner, open_files));
    }
    let child = command.spawn()?;
    i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or_else(|| io::ErrorKind::InvalidData.into())
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
