//! The reaper: a process that outlives its server, however the server ends, and removes what the server left in Docker.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use bollard::Docker as Client;
use bollard::errors::Error;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::error::DockerError;
use super::owner::Run;
use super::{cleanup, client};

/// The first argument of a reaper. The second is the run, for [`reap`].
pub(crate) const REAP_FLAG: &str = "--reap";
/// What a reaper prints once nothing but SIGKILL can end it.
const READY: &str = "ready\n";
/// What a server sends last if it has removed its containers itself.
const IN_ORDER: &[u8] = b".";
const READY_WITHIN: Duration = Duration::from_secs(60);
const FINISHED_WITHIN: Duration = Duration::from_secs(60);
/// A server that died may have asked for a container that Docker makes a moment later.
const LATE_ARRIVAL: Duration = Duration::from_secs(1);
/// How often in a row a reaper must find nothing before it ends.
const EMPTY_PASSES: u32 = 3;
/// How long a reaper tries again to remove what Docker refuses to remove.
const REMOVED_WITHIN: Duration = Duration::from_secs(300);

/// The reaper of this server. It acts when this is finished or dropped.
#[derive(Debug)]
pub(super) struct Reaper(Mutex<Child>);

impl Reaper {
    /// Starts the reaper, and waits until it is ready.
    ///
    /// # Errors
    /// If the program cannot be started, or is not a reaper.
    pub(super) async fn start(program: &Path, run: &Run) -> Result<Self, DockerError> {
        let failed = |source| DockerError::Reaper { program: program.to_owned(), source };
        let mut child = Command::new(program)
            .args([REAP_FLAG, run.id()])
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or_else(|| failed(io::ErrorKind::BrokenPipe.into()))?;
        let mut stdout = BufReader::new(stdout);
        let read = tokio::time::timeout(READY_WITHIN, stdout.read_line(&mut line)).await;
        read.map_err(|_| failed(io::ErrorKind::TimedOut.into()))?.map_err(failed)?;
        if line == READY {
            Ok(Self(Mutex::new(child)))
        } else {
            Err(failed(io::Error::other("it is not ready")))
        }
    }

    /// Lets the reaper remove what is left, and waits until it has. `in_order` says that no container can appear any
    /// more.
    pub(super) async fn finish(&self, in_order: bool) {
        let mut child = self.0.lock().await;
        if let Some(mut stdin) = child.stdin.take().filter(|_| in_order) {
            // If the reaper has ended, the wait below returns immediately.
            let _ = stdin.write_all(IN_ORDER).await;
        }
        match tokio::time::timeout(FINISHED_WITHIN, child.wait()).await {
            Ok(Ok(status)) if status.success() => {}
            Ok(Ok(status)) => {
                tracing::warn!("the reaper, which removes the last containers, ended with {status}")
            }
            Ok(Err(error)) => {
                tracing::warn!("cannot wait for the reaper, which removes the last containers: {error}")
            }
            Err(_) => {
                tracing::warn!("the last containers were not removed within {FINISHED_WITHIN:?}")
            }
        }
    }
}

/// Acts as the reaper of a run: waits until the run's server has ended, and removes what the run has left.
///
/// # Errors
/// If the daemon cannot be reached, or something cannot be removed.
pub(crate) async fn reap(run: &str) -> Result<(), DockerError> {
    let failed = |source| DockerError::Reaper { program: "the reaper".into(), source };
    // A signal to the server's session or process group must not end this process.
    rustix::process::setsid().map_err(|error| failed(error.into()))?;
    let signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
    let client = client::connect().await?;
    io::stdout().write_all(READY.as_bytes()).and_then(|()| io::stdout().flush()).map_err(failed)?;
    let mut last_words = Vec::new();
    // If the pipe cannot be read, the server has ended as well.
    let _ = tokio::io::stdin().read_to_end(&mut last_words).await;
    let run = Run::named(run);
    remove_folder(&run.folder());
    let removed = remove_left(&client, &run.filter(), last_words == IN_ORDER).await;
    drop(signals);
    removed.map_err(DockerError::refused("remove what a server left"))
}

fn remove_folder(folder: &Path) {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!("cannot remove {}: {error}", folder.display());
        }
        _ => {}
    }
}

async fn remove_left(client: &Client, filter: &str, in_order: bool) -> Result<(), Error> {
    let deadline = Instant::now() + REMOVED_WITHIN;
    let mut empty_passes = 0;
    loop {
        match cleanup::remove_labelled(client, filter).await {
            Ok(_) if in_order => return Ok(()),
            Ok(0) => empty_passes += 1,
            // Nothing arrives late any more, and somebody may wait for the error.
            Err(error) if in_order || Instant::now() >= deadline => return Err(error),
            Ok(_) | Err(_) => empty_passes = 0,
        }
        if empty_passes == EMPTY_PASSES {
            return Ok(());
        }
        tokio::time::sleep(LATE_ARRIVAL).await;
    }
}
