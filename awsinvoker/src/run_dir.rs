//! The folder of a run, and how files come into it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::sink::Sink;
use crate::text::sanitized;
use crate::wall_clock;

/// Where runs go that are not told where.
const DEFAULT_PARENT: &str = "runs";

/// A folder that belongs to one run.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
}

/// Why the folder cannot be used, or a file in it not be written.
#[derive(Debug, thiserror::Error)]
pub enum RunDirError {
    /// There is something in it.
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

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A new file that grows during the run.
    ///
    /// # Errors
    /// The file exists or cannot be made.
    pub fn sink(&self, name: &str) -> Result<Sink, RunDirError> {
        let path = self.path.join(name);
        match File::create_new(&path) {
            Ok(file) => Ok(Sink::new(&path, Box::new(file))),
            Err(source) => Err(RunDirError::Write { path, source }),
        }
    }

    /// Writes a whole file so that a reader sees all of it or nothing.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), RunDirError> {
        let (path, partial) = (self.path.join(name), self.path.join(format!(".{name}.partial")));
        let written = File::create(&partial).and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()?;
            fs::rename(&partial, &path)
        });
        written.map_err(|source| RunDirError::Write { path, source })
    }
}

/// Names fit for files, different even if the endpoints' names differ only in characters that are not.
pub fn file_names(names: &[String]) -> Vec<String> {
    let mut files: Vec<String> = Vec::new();
    for name in names {
        let plain = sanitized(name, "-_.");
        let numbered = (2..).map(|number| format!("{plain}-{number}"));
        let file = std::iter::once(plain.clone()).chain(numbered).find(|file| !files.contains(file));
        files.extend(file);
    }
    files
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
        let run_dir = RunDir::create(Some(&out), SystemTime::now()).unwrap();
        run_dir.write("run.json", b"{}").unwrap();
        assert_eq!(fs::read(out.join("run.json")).unwrap(), b"{}");
        let refused = |out: &Path| RunDir::create(Some(out), SystemTime::now()).unwrap_err().to_string();
        assert!(refused(&out).ends_with("the folder is not empty, expected a new or an empty one"));
        assert!(refused(&out.join("run.json")).contains("run.json: cannot be used as a folder: "));
    }

    #[test]
    fn file_names_stay_apart() {
        let names = ["f", "f:1", "f_1", "f#1", "../x"].map(str::to_owned);
        assert_eq!(file_names(&names), ["f", "f_1", "f_1-2", "f_1-3", ".._x"]);
    }
}
