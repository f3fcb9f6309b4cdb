//! The folder of a run: written while it runs, and read afterwards.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::experiment::{self, Experiment};
use crate::format::{FormatError, Records, hlog, invitro_csv, json, samples_csv};
use crate::run_info::{self, RunInfo};
use crate::sample::Sample;
use crate::sink::Sink;
use crate::summary::{self, Summary};
use crate::{wall_clock, whole_file};

/// The names of the files.
pub const RUN_JSON: &str = "run.json";
/// See [`RUN_JSON`].
pub const SUMMARY_JSON: &str = "summary.json";
/// See [`RUN_JSON`].
pub const SAMPLES_CSV: &str = "samples.csv";
/// See [`RUN_JSON`].
pub const LATENCY_HLOG: &str = "latency.hlog";

/// See [`RUN_JSON`]. It is in the folder of an experiment, not of a run.
pub const EXPERIMENT_JSON: &str = "experiment.json";
/// In the folder of an experiment, a copy of its plan.
pub const PLAN_TOML: &str = "plan.toml";

/// See [`RUN_JSON`].
pub const INVITRO_CSV: &str = "invitro.csv";

/// The folder for runs whose folder the user did not choose.
const DEFAULT_PARENT: &str = "runs";

/// A folder that belongs to one run.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
}

/// Why the folder cannot be used, or a file in it not be written.
#[derive(Debug, thiserror::Error)]
pub enum RunDirError {
    /// The folder is not empty.
    #[error("--out {}: the folder is not empty, expected a new or an empty one", .0.display())]
    NotEmpty(PathBuf),
    /// The folder cannot be made or looked into.
    #[error("--out {}: cannot be used as a folder: {source}", path.display())]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("{}: cannot be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: FormatError,
    },
}

impl RunDir {
    /// Makes the folder: `out`, or one named after the time in `runs`.
    ///
    /// # Errors
    /// `out` is not empty, or the folder cannot be made.
    pub fn create(out: Option<&Path>, now: SystemTime) -> Result<Self, RunDirError> {
        let path = match out {
            Some(out) => given(out)?,
            None => fresh(Path::new(DEFAULT_PARENT), &wall_clock::file_name(now))?,
        };
        Ok(Self { path })
    }

    /// The folder of a run that was made before.
    pub fn open(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A new file that grows during the run. `tell` gets the first failure to write it, when it happens.
    ///
    /// # Errors
    /// The file exists or cannot be made.
    pub fn sink(&self, name: &str, tell: fn(&str)) -> Result<Sink, RunDirError> {
        let path = self.path.join(name);
        match File::create_new(&path) {
            Ok(file) => Ok(Sink::new(&path, Box::new(file), tell)),
            Err(source) => Err(RunDirError::Write { path, source }),
        }
    }

    /// Writes a whole file, or replaces it. A reader sees all of it, or what was there before, also after a power cut.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), RunDirError> {
        let path = self.path.join(name);
        whole_file::replace(&path, content).map_err(|source| RunDirError::Write { path, source })
    }

    /// How the run was made.
    ///
    /// # Errors
    /// `run.json` cannot be read.
    pub fn read_info(&self) -> Result<RunInfo, RunDirError> {
        self.read(RUN_JSON, |file| json::read(file, run_info::SCHEMA))
    }

    /// The result of the run.
    ///
    /// # Errors
    /// `summary.json` cannot be read. The file of a run that was killed is missing.
    pub fn read_summary(&self) -> Result<Summary, RunDirError> {
        self.read(SUMMARY_JSON, |file| json::read(file, summary::SCHEMA))
    }

    /// What the experiment in this folder consists of.
    ///
    /// # Errors
    /// `experiment.json` cannot be read. The folder of a run has none.
    pub fn read_experiment(&self) -> Result<Experiment, RunDirError> {
        self.read(EXPERIMENT_JSON, |file| json::read(file, experiment::SCHEMA))
    }

    /// The samples one by one, in the order of the file. Function latencies are whole nanoseconds.
    ///
    /// # Errors
    /// `samples.csv` cannot be opened, or its first line not be read.
    pub fn samples(&self, info: &RunInfo) -> Result<samples_csv::Reader<BufReader<File>>, RunDirError> {
        self.read(SAMPLES_CSV, |file| samples_csv::Reader::new(file, &info.endpoint_names()))
    }

    /// The intervals one by one.
    ///
    /// # Errors
    /// `latency.hlog` cannot be opened.
    pub fn intervals(&self) -> Result<hlog::Reader<BufReader<File>>, RunDirError> {
        self.read(LATENCY_HLOG, |file| Ok(hlog::Reader::new(file)))
    }

    /// All samples, in the order of the file, in memory.
    ///
    /// # Errors
    /// `samples.csv` cannot be read, or it names an endpoint that `info` lacks.
    pub fn read_samples(&self, info: &RunInfo) -> Result<Records<Sample>, RunDirError> {
        self.read(SAMPLES_CSV, |file| samples_csv::read(file, &info.endpoint_names()))
    }

    /// All histograms by interval, each of which takes up to 264 KiB. [`Self::intervals`] reads them one by one.
    ///
    /// # Errors
    /// `latency.hlog` cannot be read.
    pub fn read_intervals(&self) -> Result<Records<hlog::Interval>, RunDirError> {
        self.read(LATENCY_HLOG, hlog::read_all)
    }

    /// The records of invitro's form, in the order of the file, in memory.
    ///
    /// # Errors
    /// `invitro.csv` cannot be read. There is none unless it was asked for.
    pub fn read_invitro(&self) -> Result<Records<invitro_csv::Row>, RunDirError> {
        self.read(INVITRO_CSV, invitro_csv::read)
    }

    fn read<T>(
        &self,
        name: &str,
        read: impl FnOnce(BufReader<File>) -> Result<T, FormatError>,
    ) -> Result<T, RunDirError> {
        let path = self.path.join(name);
        let read = File::open(&path).map_err(FormatError::from).and_then(|file| read(BufReader::new(file)));
        read.map_err(|source| RunDirError::Read { path, source })
    }
}

fn given(out: &Path) -> Result<PathBuf, RunDirError> {
    let unusable = |source| RunDirError::Unusable { path: out.to_owned(), source };
    fs::create_dir_all(out).map_err(unusable)?;
    match fs::read_dir(out).map_err(unusable)?.next() {
        Some(_) => Err(RunDirError::NotEmpty(out.to_owned())),
        None => Ok(out.to_owned()),
    }
}

/// Makes a folder that did not exist: `NAME`, or `NAME-2` and so on if another run took it.
fn fresh(parent: &Path, name: &str) -> Result<PathBuf, RunDirError> {
    fs::create_dir_all(parent).map_err(|source| RunDirError::Unusable { path: parent.to_owned(), source })?;
    let mut path = parent.join(name);
    for number in 2.. {
        match fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                path = parent.join(format!("{name}-{number}"));
            }
            Err(source) => return Err(RunDirError::Unusable { path, source }),
            Ok(()) => break,
        }
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_one_second_do_not_collide() {
        let parent = tempfile::tempdir().unwrap();
        let names: Vec<_> = (0..3).map(|_| fresh(parent.path(), "now").unwrap()).collect();
        assert_eq!(names, ["now", "now-2", "now-3"].map(|name| parent.path().join(name)));
    }

    #[test]
    fn refuses_what_is_not_an_empty_folder() {
        let parent = tempfile::tempdir().unwrap();
        let out = parent.path().join("a/b");
        let run_dir = RunDir::create(Some(&out), SystemTime::UNIX_EPOCH).unwrap();
        run_dir.write("run.json", b"{}").unwrap();
        assert_eq!(fs::read(out.join("run.json")).unwrap(), b"{}");
        // A folder cannot be replaced by a file.
        fs::create_dir_all(out.join("summary.json/x")).unwrap();
        assert!(run_dir.write("summary.json", b"{}").is_err());
        assert!(!out.join(".summary.json.partial").exists(), "nothing is left of what failed");
        let refused = |out: &Path| RunDir::create(Some(out), SystemTime::UNIX_EPOCH).unwrap_err().to_string();
        assert!(refused(&out).ends_with("the folder is not empty, expected a new or an empty one"));
        assert!(refused(&out.join("run.json")).contains("run.json: cannot be used as a folder: "));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let parent = tempfile::tempdir().unwrap();
        let run_dir = RunDir::open(parent.path());
        let message = |error: RunDirError| error.to_string().replace(parent.path().to_str().unwrap(), "DIR");
        let error = message(run_dir.read_info().unwrap_err());
        assert_eq!(error, "DIR/run.json: cannot be read: No such file or directory (os error 2)");
        fs::write(parent.path().join(SUMMARY_JSON), "{}").unwrap();
        let error = message(run_dir.read_summary().unwrap_err());
        assert_eq!(error, "DIR/summary.json: cannot be read: missing field `schema` at line 1 column 2");
    }
}
