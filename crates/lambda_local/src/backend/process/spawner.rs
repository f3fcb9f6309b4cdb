//! The thread that starts processes.

use std::io::{self, PipeReader};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;

use rustix::io::Errno;
use rustix::process::{
    Pid, Resource, Rlimit, Signal, getpid, getppid, getrlimit, set_parent_process_death_signal, setrlimit,
};
use tokio::process::Command;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::child::Process;

/// How many files Lambda lets a function open.
const OPEN_FILES: u64 = 1024;

/// Starts processes, on a thread of its own.
///
/// Starting a process blocks for about a millisecond, which must not delay requests. And the kernel ends a process
/// when its parent dies, by which it means the thread that started it: this thread lives as long as the server.
#[derive(Debug, Clone)]
pub(crate) struct Spawner {
    orders: mpsc::Sender<Order>,
}

struct Order {
    command: Command,
    reply: oneshot::Sender<io::Result<Spawned>>,
}

/// A process that has just been started.
#[derive(Debug)]
pub(super) struct Spawned {
    pub(super) process: Process,
    /// The standard output and standard error of the process, in order.
    pub(super) output: OwnedFd,
    /// Just before the system was asked to start the process.
    pub(super) at: Instant,
}

impl Spawner {
    /// Starts the thread, from within the async runtime. The thread ends with the last clone of the spawner.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub(crate) fn new() -> io::Result<Self> {
        let (orders, inbox) = mpsc::channel::<Order>();
        let runtime = Handle::current();
        thread::Builder::new().name("spawner".to_owned()).spawn(move || {
            let _entered = runtime.enter();
            for Order { command, reply } in inbox {
                // If nobody waits any more, dropping the process ends it.
                let _ = reply.send(spawn(command));
            }
        })?;
        Ok(Self { orders })
    }

    /// Starts a process.
    ///
    /// # Errors
    /// If there is no such program, or the system cannot start it.
    pub(super) async fn spawn(&self, command: Command) -> io::Result<Spawned> {
        let gone = || io::Error::other("the thread that starts processes has ended");
        let (reply, answer) = oneshot::channel();
        self.orders.send(Order { command, reply }).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

/// Whether this machine is short of descriptors, processes or memory.
pub(super) fn is_shortage(error: &io::Error) -> bool {
    const SHORTAGES: [Errno; 4] = [Errno::MFILE, Errno::NFILE, Errno::AGAIN, Errno::NOMEM];
    Errno::from_io_error(error).is_some_and(|errno| SHORTAGES.contains(&errno))
}

/// A command with exactly these environment variables: it inherits none.
pub(super) fn command(
    program: &Path,
    arguments: &[String],
    folder: &Path,
    variables: &[(String, String)],
) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder);
    command.env_clear().envs(variables.iter().map(|(name, value)| (name, value)));
    command
}

fn spawn(mut command: Command) -> io::Result<Spawned> {
    let (output, writer) = io::pipe()?;
    command
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        // A group of its own, so that what the function starts ends with it, and Ctrl-C does not reach it.
        .process_group(0)
        .kill_on_drop(true);
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
    Ok(Spawned { process: Process::new(child), output: PipeReader::into(output), at })
}

/// Makes the kernel kill this process when the server dies, and limits the files that this process may open.
fn tie_to_server(server: Pid, open_files: u64) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if getppid() != Some(server) {
        // The server died before the line above.
        return Err(io::ErrorKind::BrokenPipe.into());
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(open_files), maximum: Some(open_files) })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortages_are_told_from_faults_of_the_program() {
        for (errno, shortage) in
            [(Errno::MFILE, true), (Errno::NOMEM, true), (Errno::NOENT, false), (Errno::ACCESS, false)]
        {
            assert_eq!(is_shortage(&errno.into()), shortage, "{errno}");
        }
    }
}
