//! When the processes of a container were started: neither Docker nor the kernel says it accurately.
//!
//! Docker notes a time some milliseconds late, and the kernel counts in ticks of 10 ms. So a thread looks at the list of
//! the container's processes again and again while Docker starts the container.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::time::Instant;

/// The pause between two looks.
const PAUSE: Duration = Duration::from_micros(200);
/// Docker's usual groups of a container, with its id for `ID`: version 2 of control groups with systemd and without, and
/// version 1.
const GROUPS: [&str; 4] = [
    "/sys/fs/cgroup/system.slice/docker-ID.scope",
    "/sys/fs/cgroup/docker/ID",
    "/sys/fs/cgroup/pids/docker/ID",
    "/sys/fs/cgroup/pids/system.slice/docker-ID.scope",
];

/// A process was started after the one moment, and not after the other.
pub(super) type Window = (Instant, Instant);

/// Watches one container until it is dropped or finished.
#[derive(Debug)]
pub(super) struct Births {
    finished: Arc<AtomicBool>,
    thread: Option<JoinHandle<HashMap<u32, Window>>>,
}

impl Births {
    /// Watches the container `id`, which has not been started.
    pub(super) fn watch(id: &str) -> Self {
        let groups = GROUPS.map(|group| Path::new(&group.replace("ID", id)).join("cgroup.procs"));
        let finished = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&finished);
        let thread = thread::Builder::new().name("births".to_owned()).spawn(move || watch(&groups, &until));
        // Without the thread, the start is less accurate.
        Self { finished, thread: thread.ok() }
    }

    /// When each process was started. Empty if the groups of containers are elsewhere. Waits for the thread, which looks
    /// up at any moment.
    pub(super) fn finish(mut self) -> HashMap<u32, Window> {
        self.finished.store(true, Ordering::Relaxed);
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Drop for Births {
    fn drop(&mut self) {
        self.finished.store(true, Ordering::Relaxed);
    }
}

fn watch(groups: &[PathBuf], finished: &AtomicBool) -> HashMap<u32, Window> {
    let mut seen = HashMap::new();
    let mut last_look = Instant::now();
    while !finished.load(Ordering::Relaxed) {
        let look = Instant::now();
        let list = groups.iter().find_map(|group| fs::read_to_string(group).ok()).unwrap_or_default();
        let found = Instant::now();
        for process in list.lines().filter_map(|line| line.parse().ok()) {
            seen.entry(process).or_insert((last_look, found));
        }
        last_look = look;
        thread::sleep(PAUSE);
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_was_started_between_two_looks() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("cgroup.procs");
        let (groups, finished) =
            ([folder.path().join("missing"), list.clone()], Arc::new(AtomicBool::new(false)));
        let until = Arc::clone(&finished);
        let watching = thread::spawn(move || watch(&groups, &until));
        let mut written = Vec::new();
        for text in ["1\n", "1\n22\n"] {
            thread::sleep(Duration::from_millis(20));
            let before = Instant::now();
            // Atomically, as the kernel does it.
            fs::write(folder.path().join("new"), text).unwrap();
            fs::rename(folder.path().join("new"), &list).unwrap();
            written.push((before, Instant::now()));
        }
        thread::sleep(Duration::from_millis(20));
        finished.store(true, Ordering::Relaxed);
        let seen = watching.join().unwrap();
        assert_eq!(seen.len(), 2);
        for (process, (before, after)) in [1, 22].into_iter().zip(written) {
            let (from, to) = seen[&process];
            assert!(from <= after && to >= before, "{process}");
        }
        assert!(seen[&1].1 <= seen[&22].1);
    }
}
