//! The file that the original invoker left: `rpsX.XX_NAME`, one latency a line.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::sink::Sink;

/// Where the file goes. Its name holds the rate of completed requests, so it gets another one while it grows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegacyFile {
    folder: PathBuf,
    name: String,
}

impl LegacyFile {
    /// The file for the value of `-latf`, whose folder is kept; `None` if it names no file.
    pub fn new(latf: &Path) -> Option<Self> {
        let folder = latf.parent()?.to_owned();
        let name = latf.file_name()?.to_str()?.to_owned();
        (!latf.as_os_str().to_string_lossy().ends_with('/')).then_some(Self { folder, name })
    }

    /// Makes the folder, and in it the file as it is named during the run.
    ///
    /// # Errors
    /// The folder or the file cannot be made.
    pub fn sink(&self) -> io::Result<Sink> {
        if !self.folder.as_os_str().is_empty() {
            fs::create_dir_all(&self.folder)?;
        }
        let path = self.partial();
        File::create(&path).map(|file| Sink::new(&path, Box::new(file)))
    }

    /// Gives the complete file its name.
    ///
    /// # Errors
    /// The file cannot be renamed.
    pub fn finish(&self, completed_rps: f64) -> io::Result<PathBuf> {
        let path = self.folder.join(format!("rps{completed_rps:.2}_{}", self.name));
        fs::rename(self.partial(), &path).map(|()| path)
    }

    /// Removes the file of a run that did not start.
    pub fn discard(&self) {
        // One that cannot be removed does no harm: its name is never used again.
        let _ = fs::remove_file(self.partial());
    }

    /// The file's name during the run.
    pub fn partial(&self) -> PathBuf {
        self.folder.join(format!(".{}.{}.partial", self.name, std::process::id()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_goes_before_the_name_and_not_before_the_folder() {
        let parent = tempfile::tempdir().unwrap();
        let file = LegacyFile::new(&parent.path().join("dir/x.csv")).unwrap();
        file.sink().unwrap().finish().unwrap();
        assert_eq!(file.finish(299.996).unwrap(), parent.path().join("dir/rps300.00_x.csv"));
        assert_eq!(fs::read_dir(parent.path().join("dir")).unwrap().count(), 1);
    }

    #[test]
    fn needs_a_file_name() {
        for latf in ["", "/", "dir/", ".."] {
            assert_eq!(LegacyFile::new(Path::new(latf)), None, "{latf}");
        }
    }
}
