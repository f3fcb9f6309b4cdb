//! The server's side of its spawner, the process that starts those of the functions.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::Pid;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Interest, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command};
use tokio::sync::{Mutex as AsyncMutex, SetOnce, mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::child::Process;
use super::helper::{SPAWN_FLAG, SPAWN_IN_ROOTS_FLAG};
use super::message::{Order, Report, send_header};
use crate::clock;
use crate::outcome::Exit;

/// How long a spawner may take to start, and to end.
const SPAWNER_WITHIN: Duration = Duration::from_secs(10);

/// Starts processes. Clones use the same spawner.
#[derive(Debug, Clone)]
pub(crate) struct Spawner {
    /// The program `lambda-local`.
    program: Arc<Path>,
    /// Its argument.
    flag: &'static str,
    /// `None` once the server stops.
    connection: Arc<AsyncMutex<Option<Connection>>>,
}

/// A process that has just been started.
#[derive(Debug)]
pub(super) struct Spawned {
    pub(super) process: Process,
    /// Just before the system was asked to start the process.
    pub(super) at: Instant,
}

/// Why a process was not started.
#[derive(Debug)]
pub(super) enum SpawnError {
    /// The system cannot start this program.
    Program(io::Error),
    /// There is no spawner.
    Spawner(io::Error),
}

impl Spawner {
    /// Starts a spawner, and waits until it takes orders. Its processes see the files of this machine or, if
    /// `in_roots`, each those of the folder that its order names.
    ///
    /// # Errors
    /// If the program cannot be started, or is not a spawner, or may not do that.
    pub(crate) async fn start(program: &Path, in_roots: bool) -> io::Result<Self> {
        let flag = if in_roots { SPAWN_IN_ROOTS_FLAG } else { SPAWN_FLAG };
        let connection = Connection::open(program, flag).await?;
        Ok(Self { program: program.into(), flag, connection: Arc::new(AsyncMutex::new(Some(connection))) })
    }

    /// Starts a process that writes its standard output and standard error to `output`. The number of the order is
    /// replaced.
    ///
    /// # Errors
    /// If there is no such program, or the system cannot start it.
    pub(super) async fn spawn(&self, order: Order, output: OwnedFd) -> Result<Spawned, SpawnError> {
        let answer = self.send(order, output).await.map_err(SpawnError::Spawner)?;
        let gone = || SpawnError::Spawner(io::Error::other("the process that starts functions has ended"));
        answer.await.map_err(|_| gone())?.map_err(SpawnError::Program)
    }

    /// Lets the spawner end, once all that it started has ended.
    pub(crate) async fn finish(&self) {
        let connection = self.connection.lock().await.take();
        let Some(Connection { orders, mut process, .. }) = connection else { return };
        drop(orders);
        if timeout(SPAWNER_WITHIN, process.wait()).await.is_err() {
            tracing::warn!("the process that starts functions has not ended within {SPAWNER_WITHIN:?}");
        }
    }

    /// Sends an order. If the spawner has died, which ended all that it started, it is replaced.
    async fn send(&self, order: Order, output: OwnedFd) -> io::Result<Answer> {
        let mut connection = self.connection.lock().await;
        let connection = connection.as_mut().ok_or_else(|| io::Error::other("the server stops"))?;
        if connection.orders.is_closed() {
            tracing::warn!(
                "the process that starts functions has ended, and all functions with it; it is replaced"
            );
            *connection = Connection::open(&self.program, self.flag).await?;
        }
        connection.send(order, output)
    }
}

/// Whether this machine is short of descriptors, processes or memory.
pub(super) fn is_shortage(error: &io::Error) -> bool {
    const SHORTAGES: [Errno; 4] = [Errno::MFILE, Errno::NFILE, Errno::AGAIN, Errno::NOMEM];
    Errno::from_io_error(error).is_some_and(|errno| SHORTAGES.contains(&errno))
}

type Answer = oneshot::Receiver<io::Result<Spawned>>;

/// A spawner that runs.
#[derive(Debug)]
struct Connection {
    /// Closed once the spawner has ended. If it is dropped, the spawner ends.
    orders: mpsc::UnboundedSender<(Vec<u8>, OwnedFd)>,
    ledger: Arc<Mutex<Ledger>>,
    process: Child,
}

impl Connection {
    async fn open(program: &Path, flag: &str) -> io::Result<Self> {
        let (socket, other) = UnixStream::pair()?;
        let mut command = Command::new(program);
        // Nothing here forks this process: the system starts a spawner equally fast however large the server is.
        command.arg(flag).current_dir("/").process_group(0);
        let process = command.stdin(OwnedFd::from(other.into_std()?)).stdout(Stdio::null()).spawn()?;
        let (reader, writer) = socket.into_split();
        let mut reports = BufReader::new(reader).lines();
        let first = timeout(SPAWNER_WITHIN, reports.next_line()).await;
        let first = first.map_err(|_| io::ErrorKind::TimedOut)??;
        match first.as_deref().and_then(parse) {
            Some(Report::Ready) => {}
            Some(Report::Unable { error }) => return Err(error.into()),
            _ => return Err(io::Error::other("it does not take orders")),
        }
        let (orders, inbox) = mpsc::unbounded_channel();
        let ledger = Arc::new(Mutex::new(Ledger::default()));
        tokio::spawn(carry(writer, inbox, reports, Arc::clone(&ledger)));
        Ok(Self { orders, ledger, process })
    }

    fn send(&self, mut order: Order, output: OwnedFd) -> io::Result<Answer> {
        let (started, answer) = oneshot::channel();
        let mut ledger = lock(&self.ledger);
        order.number = ledger.orders;
        let order = serde_json::to_vec(&order)?;
        ledger.open(started);
        drop(ledger);
        self.orders
            .send((order, output))
            .map_err(|_| io::Error::other("the process that starts functions has ended"))?;
        Ok(answer)
    }
}

/// The orders that are under way or whose processes run.
#[derive(Debug, Default)]
struct Ledger {
    entries: HashMap<u64, Entry>,
    /// How many orders there have been.
    orders: u64,
}

#[derive(Debug)]
enum Entry {
    Ordered(oneshot::Sender<io::Result<Spawned>>),
    Running(Arc<SetOnce<Exit>>),
}

impl Ledger {
    fn open(&mut self, started: oneshot::Sender<io::Result<Spawned>>) {
        self.entries.insert(self.orders, Entry::Ordered(started));
        self.orders += 1;
    }

    /// Notes what the spawner says.
    fn note(&mut self, report: Report) {
        match report {
            Report::Ready | Report::Unable { .. } => {}
            Report::Started { order, pid, before } => {
                let Some(Entry::Ordered(started)) = self.entries.remove(&order) else { return };
                let exit = Arc::new(SetOnce::new());
                self.entries.insert(order, Entry::Running(Arc::clone(&exit)));
                let process = Process::new(Pid::from_raw(pid), exit);
                // If nobody waits any more, dropping the process ends it.
                let _ = started.send(Ok(Spawned { process, at: clock::instant(before) }));
            }
            Report::Failed { order, error } => {
                if let Some(Entry::Ordered(started)) = self.entries.remove(&order) {
                    // If nobody waits any more, nobody needs the error.
                    let _ = started.send(Err(error.into()));
                }
            }
            Report::Exited { order, status } => {
                if let Some(Entry::Running(exit)) = self.entries.remove(&order) {
                    let _ = exit.set(Exit::Status(ExitStatus::from_raw(status)));
                }
            }
        }
    }

    /// The spawner has died, and what it started with it.
    fn close(&mut self) {
        for (_, entry) in self.entries.drain() {
            if let Entry::Running(exit) = entry {
                let _ = exit.set(Exit::Lost("the process that starts functions has ended".to_owned()));
            }
        }
    }
}

/// Carries orders to the spawner and its reports back, until the server has no more orders and the spawner has ended, or
/// the spawner has died.
async fn carry(
    writer: OwnedWriteHalf,
    orders: mpsc::UnboundedReceiver<(Vec<u8>, OwnedFd)>,
    mut reports: Lines<BufReader<OwnedReadHalf>>,
    ledger: Arc<Mutex<Ledger>>,
) {
    let sending = tokio::spawn(send_all(writer, orders));
    while let Ok(Some(line)) = reports.next_line().await {
        if let Some(report) = parse(&line) {
            lock(&ledger).note(report);
        }
    }
    sending.abort();
    // The orders are closed before their entries are.
    let _ = sending.await;
    lock(&ledger).close();
}

async fn send_all(
    mut writer: OwnedWriteHalf,
    mut orders: mpsc::UnboundedReceiver<(Vec<u8>, OwnedFd)>,
) -> io::Result<()> {
    while let Some((order, output)) = orders.recv().await {
        let length = u32::try_from(order.len()).map_err(io::Error::other)?;
        let socket = writer.as_ref();
        loop {
            socket.writable().await?;
            match socket.try_io(Interest::WRITABLE, || send_header(socket, length, &output)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => break sent?,
            }
        }
        writer.write_all(&order).await?;
    }
    Ok(())
}

fn parse(line: &str) -> Option<Report> {
    serde_json::from_str(line).ok()
}

fn lock(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    // The ledger is consistent at every point that could panic.
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}
