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
    let mut looks = Looks { seen: HashMap::new(), last: Instant::now() };
    while !finished.load(Ordering::Relaxed) {
        let start = Instant::now();
        let list = list(groups);
        looks.add(start, &list, Instant::now());
        thread::sleep(PAUSE);
    }
    looks.seen
}

/// The processes of the first group that there is.
fn list(groups: &[PathBuf]) -> String {
    groups.iter().find_map(|group| fs::read_to_string(group).ok()).unwrap_or_default()
}

/// What looks at the list of processes have shown.
struct Looks {
    seen: HashMap<u32, Window>,
    /// When the last one began.
    last: Instant,
}

impl Looks {
    /// A look from `start` to `end` showed this list.
    fn add(&mut self, start: Instant, list: &str, end: Instant) {
        for process in list.lines().filter_map(|line| line.parse().ok()) {
            self.seen.entry(process).or_insert((self.last, end));
        }
        self.last = start;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_was_started_between_two_looks() {
        let zero = Instant::now();
        let at = |ms| zero + Duration::from_millis(ms);
        let mut looks = Looks { seen: HashMap::new(), last: at(0) };
        looks.add(at(10), "", at(11));
        // It may have been started after the list was read at 10 ms.
        looks.add(at(20), "1\n", at(21));
        looks.add(at(30), "1\n22\nno number\n", at(31));
        looks.add(at(40), "22\n", at(41));
        assert_eq!(looks.seen, HashMap::from([(1, (at(10), at(21))), (22, (at(20), at(31)))]));
    }

    #[test]
    fn the_first_group_that_there_is_has_the_list() {
        let folder = tempfile::tempdir().unwrap();
        let groups = ["missing", "a", "b"].map(|name| folder.path().join(name));
        assert_eq!(list(&groups), "");
        fs::write(&groups[2], "2\n").unwrap();
        assert_eq!(list(&groups), "2\n");
        fs::write(&groups[1], "1\n").unwrap();
        assert_eq!(list(&groups), "1\n");
    }
}
