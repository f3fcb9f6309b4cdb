//! A file that is written during the run. Its failure must not end the run, nor be forgotten.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A buffered writer that remembers its first failure and writes nothing after it.
pub struct Sink {
    path: PathBuf,
    out: BufWriter<Box<dyn Write + Send>>,
    error: Option<io::Error>,
}

/// The files that grow during the run.
#[derive(Debug)]
pub struct Sinks {
    /// `samples.csv`.
    pub samples: Sink,
    /// `latency.hlog`.
    pub hlog: Sink,
    /// The original's file of latencies.
    pub legacy: Sink,
    /// A line for each request, if asked for.
    pub debug: Option<Sink>,
}

/// A file that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{} could not be written: {source}", path.display())]
pub struct SinkError {
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl Sink {
    /// A sink that writes to `out`, which `path` stands for in messages.
    pub fn new(path: &Path, out: Box<dyn Write + Send>) -> Self {
        Self { path: path.to_owned(), out: BufWriter::with_capacity(64 << 10, out), error: None }
    }

    /// Lets `write` write to the buffer.
    pub fn write(&mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        if self.error.is_none() {
            self.error = write(&mut self.out).err();
        }
    }

    /// Writes the buffer out.
    pub fn flush(&mut self) {
        self.write(|out| out.flush());
    }

    /// Writes the buffer out, and says whether all went well.
    ///
    /// # Errors
    /// The first failure since the sink was made.
    pub fn finish(mut self) -> Result<(), SinkError> {
        self.flush();
        self.error.map_or(Ok(()), |source| Err(SinkError { path: self.path, source }))
    }
}

impl Sinks {
    /// Writes the buffers out.
    pub fn flush(&mut self) {
        [&mut self.samples, &mut self.hlog, &mut self.legacy]
            .into_iter()
            .chain(&mut self.debug)
            .for_each(Sink::flush);
    }

    /// Closes the files, and tells which could not be written.
    pub fn finish(self) -> Vec<SinkError> {
        let sinks = [self.samples, self.hlog, self.legacy].into_iter().chain(self.debug);
        sinks.filter_map(|sink| sink.finish().err()).collect()
    }
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Sink")
            .field("path", &self.path)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}
