//! Processes that see a folder as the root of their file system.
//!
//! The spawner of such processes has mounts of its own, which nothing else sees and which end with it. If it may not
//! change its root folder, it first becomes the master of a user namespace of its own, in which it may.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::mount::{MountPropagationFlags, mount_bind_recursive, mount_change};
use rustix::process::{chdir, chroot, getgid, getuid};
use rustix::thread::{UnshareFlags, unshare_unsafe};

/// The folders of this machine that a program expects, whatever its image holds.
const FOLDERS: [&str; 3] = ["dev", "proc", "sys"];

/// Gives this process, which must have one thread only, mounts of its own.
pub(super) fn leave_mounts() -> io::Result<()> {
    if unshare(UnshareFlags::NEWNS).is_err() {
        let (user, group) = (getuid().as_raw(), getgid().as_raw());
        unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNS)?;
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
        fs::write("/proc/self/gid_map", format!("{group} {group} 1"))?;
    }
    // Nothing that is mounted here is to be seen elsewhere.
    Ok(mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)?)
}

fn unshare(flags: UnshareFlags) -> io::Result<()> {
    #[expect(unsafe_code, reason = "there is no safe function for namespaces")]
    // SAFETY: the flags are for namespaces only. No open file becomes invalid, and there is no other thread.
    Ok(unsafe { unshare_unsafe(flags) }?)
}

/// Makes the folder ready to be a root: it gets this machine's devices and process information, and a `/tmp`.
pub(super) fn furnish(root: &Path) -> io::Result<()> {
    for folder in FOLDERS {
        let target = root.join(folder);
        fs::create_dir_all(&target)?;
        mount_bind_recursive(Path::new("/").join(folder), &target)?;
    }
    fs::create_dir_all(root.join("tmp"))
}

/// A root folder and a working folder in it, for a process that has been forked and may not allocate any more.
#[derive(Debug)]
pub(super) struct Place {
    root: CString,
    folder: CString,
}

impl Place {
    pub(super) fn new(root: &Path, folder: &Path) -> io::Result<Self> {
        let text = |path: &Path| CString::new(path.as_os_str().as_bytes()).map_err(io::Error::from);
        Ok(Self { root: text(root)?, folder: text(folder)? })
    }

    /// Moves this process there.
    pub(super) fn enter(&self) -> io::Result<()> {
        chroot(&*self.root)?;
        Ok(chdir(&*self.folder)?)
    }
}
