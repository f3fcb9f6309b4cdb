//! Whether a shared library is whole.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Checks that `path` holds all that the dynamic linker will map into memory. The linker itself does not: loading a
/// library that has been cut short ends the process with a bus error.
///
/// Files that are not 64-bit little-endian ELF are left to the linker, which refuses them properly.
///
/// # Errors
/// If the file cannot be read or ends early.
pub(crate) fn check_whole(path: &Path) -> io::Result<()> {
    let mut file = File::open(path)?;
    let file_len = file.metadata()?.len();
    let mut header = [0; 64];
    file.read_exact(&mut header)?;
    if !header.starts_with(b"\x7fELF\x02\x01") {
        return Ok(());
    }
    let (table_offset, entry_len, entries) = (u64_at(&header, 32), u16_at(&header, 54), u16_at(&header, 56));
    let mut table = vec![0; usize::from(entry_len) * usize::from(entries)];
    file.seek(SeekFrom::Start(table_offset))?;
    file.read_exact(&mut table)?;
    let whole = table.chunks_exact(usize::from(entry_len.max(SEGMENT_LEN))).all(|segment| {
        let (offset, len) = (u64_at(segment, 8), u64_at(segment, 32));
        offset.checked_add(len).is_some_and(|end| end <= file_len)
    });
    if whole { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Length of a program header, which describes one segment of the file.
const SEGMENT_LEN: u16 = 56;

fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    bytes[offset..].first_chunk().map_or(0, |field| u64::from_le_bytes(*field))
}

fn u16_at(bytes: &[u8], offset: usize) -> u16 {
    bytes[offset..].first_chunk().map_or(0, |field| u16::from_le_bytes(*field))
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::fs;

    use super::*;

    #[test]
    fn a_whole_program_passes_and_a_cut_one_does_not() {
        let program = env::current_exe().unwrap();
        check_whole(&program).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let cut = folder.path().join("cut");
        let bytes = fs::read(program).unwrap();
        for length in [0, 10, 63, 64, 100, 5000, 50_000] {
            fs::write(&cut, &bytes[..length]).unwrap();
            assert_eq!(check_whole(&cut).unwrap_err().kind(), io::ErrorKind::UnexpectedEof, "{length} bytes");
        }
    }

    #[test]
    fn other_files_are_left_to_the_linker() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text");
        fs::write(&path, "x".repeat(100)).unwrap();
        check_whole(&path).unwrap();
    }

    #[test]
    fn headers_full_of_nonsense_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nonsense");
        fs::write(&path, [&b"\x7fELF\x02\x01"[..], &[0xff; 1000]].concat()).unwrap();
        assert!(check_whole(&path).is_err());
    }
}
