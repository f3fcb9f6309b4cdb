//! The files of an image, as a folder of this machine.

use std::fs::{self, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use bollard::Docker as Client;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::CreateContainerOptionsBuilder;
use futures_util::TryStreamExt;
use tar::{Archive, EntryType};
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::cleanup;
use super::error::DockerError;
use super::owner::Run;

/// How large the files of an image may be: as large as an image on Lambda.
const MAX_BYTES: u64 = 10 << 30;
/// How many files an image may have.
const MAX_FILES: usize = 1_000_000;

/// Unpacks the files of an image into `folder`, which is made once all of them are there. `name` is the name of a new
/// container.
///
/// # Errors
/// If Docker refuses or fails, the files cannot be written, or they are too large or too many.
pub(super) async fn export(
    client: &Client,
    run: &Run,
    name: &str,
    image_id: &str,
    folder: &Path,
) -> Result<(), DockerError> {
    let options = CreateContainerOptionsBuilder::default().name(name).build();
    let request = ContainerCreateBody {
        image: Some(image_id.to_owned()),
        labels: Some(run.labels()),
        ..Default::default()
    };
    let created = client.create_container(Some(options), request).await;
    created.map_err(DockerError::refused("make a container"))?;
    let unpacked = unpack_export(client, name, folder).await;
    let removed = cleanup::remove_container(client, name).await;
    unpacked.map_err(|source| DockerError::Export { folder: folder.to_owned(), source })?;
    removed.map_err(DockerError::refused("remove a container"))
}

async fn unpack_export(client: &Client, container: &str, folder: &Path) -> io::Result<()> {
    let stream = Box::pin(client.export_container(container).map_err(io::Error::other));
    let archive = SyncIoBridge::new(StreamReader::new(stream));
    let (folder, partial) = (folder.to_owned(), folder.with_file_name(format!("{container}.partial")));
    tokio::task::spawn_blocking(move || unpack_whole(archive, &folder, &partial, MAX_BYTES, MAX_FILES))
        .await?
}

/// Unpacks into `partial`, which becomes `folder`. If that fails, neither is left.
fn unpack_whole(
    archive: impl Read,
    folder: &Path,
    partial: &Path,
    max_bytes: u64,
    max_files: usize,
) -> io::Result<()> {
    let unpacked = unpack(archive, partial, max_bytes, max_files).and_then(|()| fs::rename(partial, folder));
    unpacked.inspect_err(|_| {
        // The reaper tries again.
        let _ = fs::remove_dir_all(partial);
    })
}

/// Unpacks files, folders and links. Devices and the like are left out; nothing is written outside of `folder`.
fn unpack(archive: impl Read, folder: &Path, max_bytes: u64, max_files: usize) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(folder)?;
    let (mut bytes, mut files) = (0, 0);
    for entry in Archive::new(archive).entries()? {
        let mut entry = entry?;
        bytes += entry.size();
        files += 1;
        if bytes > max_bytes || files > max_files {
            let what = format!(
                "the image has more than {max_bytes} bytes or {max_files} files; expected a smaller one"
            );
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
        }
        let kind = entry.header().entry_type();
        let wanted = [EntryType::Regular, EntryType::Directory, EntryType::Symlink, EntryType::Link];
        if !wanted.contains(&kind) {
            continue;
        }
        if !entry.unpack_in(folder)? {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the image has a file outside of its root folder",
            ));
        }
        if kind == EntryType::Directory {
            // Its files are still to come, also if nobody may write to it.
            let path = folder.join(entry.path()?);
            let mode = fs::metadata(&path)?.permissions().mode();
            fs::set_permissions(path, Permissions::from_mode(mode | 0o700))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tar::{Builder, Header};

    use super::*;

    fn archive(entries: &[(&str, EntryType, u32, &[u8])]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (path, kind, mode, data) in entries {
            let mut header = Header::new_gnu();
            // As it stands, since the crate refuses to write some of these.
            header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_entry_type(*kind);
            header.set_mode(*mode);
            header.set_size(data.len() as u64);
            header.set_cksum();
            builder.append(&header, *data).unwrap();
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn files_are_unpacked_and_devices_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        let archive = archive(&[
            ("etc/", EntryType::Directory, 0o555, b""),
            ("etc/f", EntryType::Regular, 0o755, b"x"),
            ("dev/null", EntryType::Char, 0o666, b""),
        ]);
        unpack(&archive[..], &root, 1000, 3).unwrap();
        assert_eq!(fs::read(root.join("etc/f")).unwrap(), b"x");
        assert_eq!(fs::metadata(root.join("etc/f")).unwrap().permissions().mode() & 0o777, 0o755);
        assert_eq!(fs::metadata(&root).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(!root.join("dev/null").exists());
        assert_eq!(unpack(&archive[..], &root, 1000, 3).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn an_image_is_there_as_a_whole_or_not_at_all() {
        let parent = tempfile::tempdir().unwrap();
        let (folder, partial) = (parent.path().join("image"), parent.path().join("image.partial"));
        let archive =
            archive(&[("f", EntryType::Regular, 0o644, b"1"), ("g", EntryType::Regular, 0o644, b"2")]);
        // It ends in the middle of the second file, as after an error of Docker.
        unpack_whole(&archive[..1100], &folder, &partial, 9, 2).unwrap_err();
        assert_eq!(fs::read_dir(&parent).unwrap().count(), 0);
        unpack_whole(&archive[..], &folder, &partial, 9, 2).unwrap();
        assert_eq!(fs::read(folder.join("g")).unwrap(), b"2");
        assert_eq!(fs::read_dir(&parent).unwrap().count(), 1);
    }

    #[test]
    fn what_is_too_large_or_leads_out_of_the_folder_is_refused() {
        let file = ("f", EntryType::Regular, 0o644, &b"12345"[..]);
        for (entries, expected) in [
            (vec![file, file], "more than 9 bytes or 2 files"),
            (vec![("a", EntryType::Regular, 0o644, &b""[..]); 3], "more than 9 bytes or 2 files"),
            (vec![("../f", EntryType::Regular, 0o644, &b"1"[..])], "outside of its root folder"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().join("root");
            let error = unpack(&archive(&entries)[..], &root, 9, 2).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert!(!folder.path().join("f").exists());
        }
    }
}
