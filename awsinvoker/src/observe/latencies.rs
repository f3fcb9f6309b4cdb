//! The file of the original invoker: the latencies that functions reported, one a line.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use run_record::format::legacy;
use run_record::sink::{Sink, SinkError};

use super::output::{Output, warn};
use crate::load::{Event, Observer};
use crate::plan::LatencyFile;

/// Writes the latencies.
#[derive(Debug)]
pub(super) struct Latencies {
    sink: Sink,
}

impl Latencies {
    pub(super) fn new(sink: Sink) -> Self {
        Self { sink }
    }
}

impl Observer for Latencies {
    fn observe(&mut self, event: &Event) {
        match event {
            Event::Ended(sample) => {
                if let Some(latency_s) = sample.reply.function_latency_s {
                    self.sink.write(|out| legacy::write(out, latency_s));
                }
            }
            Event::Tick { .. } => self.sink.flush(),
            Event::WindowClosed(_) | Event::Finished { .. } => {}
        }
    }
}

impl Output for Latencies {
    fn finish(self: Box<Self>) -> Result<(), SinkError> {
        self.sink.finish()
    }
}

/// The file under the name that it has while the run goes on: its final name holds the rate of successful requests.
#[derive(Debug)]
pub(crate) struct PartialFile {
    path: PathBuf,
    destination: LatencyFile,
}

impl PartialFile {
    /// The file for this destination, not made yet.
    pub(crate) fn new(destination: &LatencyFile) -> Self {
        let name = format!(".{}.{}.partial", destination.name, std::process::id());
        Self { path: destination.folder.join(name), destination: destination.clone() }
    }

    /// Makes the folder and the file.
    ///
    /// # Errors
    /// The folder or the file cannot be made.
    pub(crate) fn create(&self) -> io::Result<Sink> {
        if !self.destination.folder.as_os_str().is_empty() {
            fs::create_dir_all(&self.destination.folder)?;
        }
        Ok(Sink::new(&self.path, Box::new(File::create(&self.path)?), warn))
    }

    /// Where the file is now.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the complete file its name.
    ///
    /// # Errors
    /// The file cannot be renamed.
    pub(crate) fn finish(self, real_rps: f64) -> io::Result<PathBuf> {
        let LatencyFile { folder, name } = &self.destination;
        let path = folder.join(legacy::file_name(real_rps, name));
        fs::rename(&self.path, &path).map(|()| path)
    }

    /// Removes the file of a run that did not start.
    pub(crate) fn discard(self) {
        // A file that cannot be removed does no harm: its name is never used again.
        let _ = fs::remove_file(self.path);
    }
}

#[cfg(test)]
mod tests {
    use run_record::Outcome;

    use super::super::test_data::{Memory, ended};
    use super::*;

    #[test]
    fn functions_that_report_no_latency_have_no_line() {
        let file = Memory::default();
        let mut latencies = Box::new(Latencies::new(file.sink()));
        latencies.observe(&ended(0, 10, Outcome::Ok));
        latencies.observe(&ended(1, 10, Outcome::Timeout));
        latencies.finish().unwrap();
        assert_eq!(file.text(), "0.50000000000000\n");
    }

    #[test]
    fn the_rate_goes_before_the_name_and_not_before_the_folder() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("dir");
        let destination = LatencyFile { folder: folder.clone(), name: "x.csv".to_owned() };
        let partial = PartialFile::new(&destination);
        partial.create().unwrap().finish().unwrap();
        assert_eq!(partial.finish(299.996).unwrap(), folder.join("rps300.00_x.csv"));
        assert_eq!(fs::read_dir(folder).unwrap().count(), 1);
    }
}
