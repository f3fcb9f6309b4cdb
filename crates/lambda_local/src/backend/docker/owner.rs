//! The labels that say which server made a container or a network. By them, what a dead server left is told from what
//! a living server uses.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::backend::procfs;
use crate::env_vars;

/// The label that names the server.
pub(super) const OWNER_LABEL: &str = "lambda-local.owner";
/// The label that names the server's run.
const RUN_LABEL: &str = "lambda-local.run";
/// Stands for a start time that could not be read. Only the kernel itself started at this time.
const UNKNOWN_TICKS: u64 = 0;

/// The life of one server, from its start to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run(String);

impl Run {
    pub(super) fn new() -> Self {
        Self(Uuid::new_v4().simple().to_string())
    }

    /// The run of another process.
    pub(super) fn named(id: &str) -> Self {
        Self(id.to_owned())
    }

    pub(super) fn id(&self) -> &str {
        &self.0
    }

    /// The name of the run's network, with which the names of its containers begin.
    pub(super) fn name(&self) -> String {
        format!("lambda-local-{}", self.0)
    }

    /// The folder of the files that the run makes, which may not exist.
    pub(super) fn folder(&self) -> PathBuf {
        let folder = env_vars::get_os(env_vars::TMPDIR);
        let folder = if folder.is_empty() { OsString::from("/tmp") } else { folder };
        Path::new(&folder).join(self.name())
    }

    /// Makes the folder, for this user alone. Another user may have made one of this name, to put other files there.
    ///
    /// # Errors
    /// If it exists, or cannot be made.
    pub(super) fn make_folder(&self) -> io::Result<()> {
        fs::DirBuilder::new().mode(0o700).create(self.folder())
    }

    /// The labels of all that the run makes.
    pub(super) fn labels(&self) -> HashMap<String, String> {
        HashMap::from([
            (RUN_LABEL.to_owned(), self.0.clone()),
            (OWNER_LABEL.to_owned(), Owner::current().to_string()),
        ])
    }

    /// The label by which Docker finds what the run made.
    pub(super) fn filter(&self) -> String {
        format!("{RUN_LABEL}={}", self.0)
    }
}

/// A process. It differs from every earlier and every later process with the same number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    /// The id of the time since the machine booted.
    boot: String,
    /// The id of the process namespace in which the number is valid.
    namespace: String,
    pid: u32,
    start_ticks: u64,
}

impl Owner {
    /// This process.
    fn current() -> Self {
        let pid = std::process::id();
        let boot =
            fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned();
        let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default().to_string_lossy().into_owned();
        Self { boot, namespace, pid, start_ticks: procfs::start_ticks(pid).unwrap_or(UNKNOWN_TICKS) }
    }

    /// Reads a label.
    pub(super) fn parse(label: &str) -> Option<Self> {
        let mut words = label.split(' ');
        let owner = Self {
            boot: words.next()?.to_owned(),
            namespace: words.next()?.to_owned(),
            pid: words.next()?.parse().ok()?,
            start_ticks: words.next()?.parse().ok()?,
        };
        words.next().is_none().then_some(owner)
    }

    /// Whether it is certain that the process has ended. That cannot be known of a process in another namespace.
    pub(super) fn is_dead(&self) -> bool {
        let current = Self::current();
        if self.boot != current.boot {
            return !self.boot.is_empty() && !current.boot.is_empty();
        }
        !self.namespace.is_empty()
            && self.namespace == current.namespace
            && match procfs::start_ticks(self.pid) {
                Some(ticks) => self.start_ticks != UNKNOWN_TICKS && self.start_ticks != ticks,
                // The kernel may hide the processes of other users.
                None => procfs::is_gone(self.pid),
            }
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {} {}", self.boot, self.namespace, self.pid, self.start_ticks)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_that_somebody_else_made_is_refused() {
        let run = Run::new();
        run.make_folder().unwrap();
        let mode = fs::metadata(run.folder()).unwrap().permissions().mode();
        let again = run.make_folder().map_err(|error| error.kind());
        fs::remove_dir(run.folder()).unwrap();
        assert_eq!((mode & 0o777, again), (0o700, Err(io::ErrorKind::AlreadyExists)));
    }

    #[test]
    fn the_dead_are_told_from_the_living() {
        let current = Owner::current();
        assert_eq!(Owner::parse(&current.to_string()), Some(current.clone()));
        assert!(!current.is_dead());
        assert!(Owner { start_ticks: current.start_ticks - 1, ..current.clone() }.is_dead());
        assert!(Owner { boot: "earlier".to_owned(), ..current.clone() }.is_dead());
        let elsewhere = Owner { namespace: "pid:[1]".to_owned(), start_ticks: 1, ..current };
        assert!(!elsewhere.is_dead(), "its number is not valid in this namespace");
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        assert!(Owner { pid: child.id(), ..Owner::current() }.is_dead());
    }

    #[test]
    fn what_could_not_be_read_proves_no_death() {
        let current = Owner::current();
        assert!(!Owner { boot: String::new(), ..current.clone() }.is_dead());
        assert!(!Owner { start_ticks: UNKNOWN_TICKS, ..current }.is_dead());
    }

    #[test]
    fn what_others_wrote_is_nobody() {
        for label in ["", "a b c d", "a b 1", "a b 1 2 3"] {
            assert_eq!(Owner::parse(label), None, "{label}");
        }
    }
}
