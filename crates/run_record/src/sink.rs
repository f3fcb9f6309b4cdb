//! A file that is written while the run goes on. A failure must neither end the run nor be forgotten.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

const BUFFER_BYTES: usize = 64 << 10;

/// A buffered writer that tells and keeps its first failure, and writes nothing after it.
pub struct Sink {
    path: PathBuf,
    out: BufWriter<Box<dyn Write + Send>>,
    tell: fn(&str),
    failure: Option<io::Error>,
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
    /// A sink that writes to `out`. Messages name it `path`. `tell` gets the first failure when it happens.
    pub fn new(path: &Path, out: Box<dyn Write + Send>, tell: fn(&str)) -> Self {
        Self { path: path.to_owned(), out: BufWriter::with_capacity(BUFFER_BYTES, out), tell, failure: None }
    }

    /// Lets `write` write to the buffer.
    pub fn write(&mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        if self.failure.is_some() {
            return;
        }
        if let Err(error) = write(&mut self.out) {
            (self.tell)(&format!(
                "{} could not be written: {error}; the run goes on, and nothing more is written there",
                self.path.display()
            ));
            self.failure = Some(error);
        }
    }

    /// Writes the buffer to the file.
    pub fn flush(&mut self) {
        self.write(|out| out.flush());
    }

    /// Writes the buffer to the file and closes it.
    ///
    /// # Errors
    /// The first failure since the sink was made.
    pub fn finish(mut self) -> Result<(), SinkError> {
        self.flush();
        self.failure.map_or(Ok(()), |source| Err(SinkError { path: self.path, source }))
    }
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Sink")
            .field("path", &self.path)
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    thread_local! {
        static TOLD: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    fn tell(message: &str) {
        TOLD.with_borrow_mut(|told| told.push(message.to_owned()));
    }

    /// A disk that is full after this many bytes.
    struct Disk(usize);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_first_failure_is_told_when_it_happens_and_at_the_end() {
        let mut sink = Sink::new(Path::new("samples.csv"), Box::new(Disk(3)), tell);
        for _ in 0..3 {
            sink.write(|out| out.write_all(b"ab"));
            sink.flush();
        }
        let told = TOLD.take();
        let expected = "samples.csv could not be written: no storage space; the run goes on, and nothing more is written there";
        assert_eq!(told, [expected]);
        assert_eq!(
            sink.finish().unwrap_err().to_string(),
            "samples.csv could not be written: no storage space"
        );
        let mut sink = Sink::new(Path::new("samples.csv"), Box::new(Disk(3)), tell);
        sink.write(|out| out.write_all(b"abc"));
        sink.finish().unwrap();
        assert_eq!(TOLD.take(), [""; 0]);
    }
}
