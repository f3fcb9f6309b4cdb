//! Files that are written whole: a reader sees all of a file, or what was there before, also after a power cut.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Writes a whole file, or replaces it. What is no ordinary file, such as a pipe, is written to. A link stays, and what it
/// leads to is replaced.
///
/// # Errors
/// The file cannot be written. What was there before is left as it was then.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let path = match fs::metadata(path) {
        Ok(found) if found.is_file() => fs::canonicalize(path)?,
        // A folder is refused by the system.
        Ok(_) => return fs::write(path, content),
        Err(_) => path.to_owned(),
    };
    let partial = partial(&path);
    let written = write_new(&path, &partial, content);
    if written.is_err() {
        // What a full disk took of it is of no use. If it stays, it does no harm.
        let _ = fs::remove_file(&partial);
    }
    written
}

fn write_new(path: &Path, partial: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create(partial)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(partial, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// The name of a file while it is written.
fn partial(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".partial");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("page.html");
        replace(&path, b"old").unwrap();
        // A folder has the name of the partial file, so nothing can be written.
        fs::create_dir(partial(&path)).unwrap();
        assert!(replace(&path, b"new").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        fs::remove_dir(partial(&path)).unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(
            (fs::read(&path).unwrap(), fs::read_dir(folder.path()).unwrap().count()),
            (b"new".to_vec(), 1)
        );
    }

    #[test]
    fn links_and_what_is_no_file_stay() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link] = ["file", "link"].map(|name| folder.path().join(name));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        replace(&link, b"new").unwrap();
        assert_eq!((fs::read(&file).unwrap(), link.is_symlink()), (b"new".to_vec(), true));
        replace(Path::new("/dev/null"), b"new").unwrap();
        assert!(!Path::new("/dev/null").is_file());
        assert!(replace(folder.path(), b"new").is_err());
    }
}
