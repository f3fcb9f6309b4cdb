//! What a function's code is: the size and the SHA-256 of its program.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;

use sha2::{Digest, Sha256};

/// How much of a file is read at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// A SHA-256.
pub(super) type Hash = [u8; 32];

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Contents {
    /// In bytes.
    pub(super) size: u64,
    pub(super) sha256: Hash,
}

/// What tells whether a file has changed: device, file, size, and when it was changed, in seconds and nanoseconds.
type Stamp = (u64, u64, u64, i64, i64);

/// The contents of programs. A program is read again only if it has changed.
#[derive(Debug, Default)]
pub(super) struct Programs {
    known: Mutex<HashMap<PathBuf, (Stamp, Contents)>>,
}

impl Programs {
    /// The contents of the program at `path`. Blocks while it reads the file.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(super) fn contents(&self, path: &Path) -> io::Result<Contents> {
        self.contents_by(path, read)
    }

    fn contents_by(
        &self,
        path: &Path,
        read: impl FnOnce(File) -> io::Result<Contents>,
    ) -> io::Result<Contents> {
        let file = File::open(path)?;
        let stamp = stamp(&file)?;
        // The map is whole at every point that could panic. While one client reads a program, others wait for it.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((seen, contents)) = known.get(path)
            && *seen == stamp
        {
            return Ok(*contents);
        }
        let contents = read(file)?;
        known.insert(path.to_owned(), (stamp, contents));
        Ok(contents)
    }
}

fn stamp(file: &File) -> io::Result<Stamp> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a file"));
    }
    Ok((metadata.dev(), metadata.ino(), metadata.size(), metadata.ctime(), metadata.ctime_nsec()))
}

fn read(mut file: File) -> io::Result<Contents> {
    let (mut hasher, mut size) = (Sha256::new(), 0);
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match file.read(&mut chunk) {
            Ok(0) => return Ok(Contents { size, sha256: hasher.finalize().into() }),
            Ok(length) => {
                hasher.update(&chunk[..length]);
                size += length as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The digits of a hash.
pub(super) fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_hash_is_that_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        fs::write(&path, "abc").unwrap();
        let contents = Programs::default().contents(&path).unwrap();
        assert_eq!(contents.size, 3);
        // The example of FIPS 180-2.
        assert_eq!(hex(&contents.sha256), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_program_is_read_once_and_again_only_if_it_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        fs::write(&path, "abc").unwrap();
        let programs = Programs::default();
        let first = programs.contents(&path).unwrap();
        let second = programs.contents_by(&path, |_| panic!("it was read again")).unwrap();
        assert_eq!(first, second);
        // As `cargo install` does it: a new file takes the place of the old one, with the same size.
        fs::write(folder.path().join("new"), "abd").unwrap();
        fs::rename(folder.path().join("new"), &path).unwrap();
        assert_ne!(programs.contents(&path).unwrap(), first);
    }

    #[test]
    fn what_is_no_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let programs = Programs::default();
        assert_eq!(programs.contents(folder.path()).unwrap_err().to_string(), "not a file");
        let missing = programs.contents(&folder.path().join("missing")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
}
