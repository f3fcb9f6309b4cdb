//! Asks the system once a second to put the files of a run on disk, so that a power cut loses little more than a crash.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use run_record::sink::SinkError;

use super::output::Output;
use crate::load::{Event, Observer};

/// Lets a thread of its own wait for the disk: it may take as long as it likes, and the other observers go on.
#[derive(Debug)]
pub(super) struct Durable {
    wake: SyncSender<()>,
    thread: JoinHandle<Result<(), SinkError>>,
}

impl Durable {
    /// For these files, which are there. They have to be flushed by others.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn start(paths: Vec<PathBuf>) -> io::Result<Self> {
        let (wake, woken) = sync_channel(1);
        let thread =
            thread::Builder::new().name("durable".to_owned()).spawn(move || sync_when_woken(&woken, &paths));
        Ok(Self { wake, thread: thread? })
    }
}

impl Observer for Durable {
    fn observe(&mut self, event: &Event) {
        if matches!(event, Event::Tick { .. }) {
            // Nothing is sent while the disk is still busy with the second before, or after it failed.
            let _ = self.wake.try_send(());
        }
    }
}

impl Output for Durable {
    fn finish(self: Box<Self>) -> Result<(), SinkError> {
        let Self { wake, thread } = *self;
        drop(wake);
        thread.join().unwrap_or(Ok(()))
    }
}

/// Until the sender is gone, and once more then.
fn sync_when_woken(woken: &Receiver<()>, paths: &[PathBuf]) -> Result<(), SinkError> {
    loop {
        let is_over = woken.recv().is_err();
        for path in paths {
            if let Err(source) = sync(path) {
                let error = SinkError { path: path.clone(), source };
                tracing::warn!("{error}; the run goes on");
                return Err(error);
            }
        }
        if is_over {
            return Ok(());
        }
    }
}

fn sync(path: &Path) -> io::Result<()> {
    match File::open(path)?.sync_data() {
        // A pipe or a device has nothing to put on a disk.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_synced_at_the_end_and_a_failure_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("samples.csv");
        std::fs::write(&path, "a").unwrap();
        let mut durable = Box::new(Durable::start(vec![path.clone()]).unwrap());
        durable.observe(&Event::Tick { end_ns: 1_000_000_000 });
        durable.finish().unwrap();
        std::fs::remove_file(&path).unwrap();
        let error = Box::new(Durable::start(vec![path]).unwrap()).finish().unwrap_err().to_string();
        assert!(error.contains("samples.csv could not be written: "), "{error}");
    }
}
