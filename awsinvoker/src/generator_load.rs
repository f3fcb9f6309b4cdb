//! What this process itself takes of the processors, without those that it started.

use std::collections::BTreeMap;
use std::fs;

use run_record::circumstances::{GeneratorLoad, ThreadLoad};
use run_record::units;

use crate::clock::{Moment, own_processor_ns};

/// Threads that calls do not depend on: they write what is known of a call when it is over.
const BESIDE_CALLS: [&str; 4] = ["observer", "durable", "progress", "screen"];

/// What this process has taken of the processors up to a moment.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    at: Moment,
    /// All of its threads together, also those that ended.
    process_ns: u64,
    /// Name and time of each thread that runs, by its id.
    threads: BTreeMap<u32, (String, u64)>,
}

impl Snapshot {
    /// Looks at this process.
    pub(crate) fn take() -> Self {
        Self { at: Moment::now(), process_ns: own_processor_ns(), threads: threads() }
    }

    /// What this process took between two snapshots on this many processors; `None` if no time passed. A thread that ended
    /// before the later one counts for the process alone.
    pub(crate) fn load_since(&self, earlier: &Self, cores: usize) -> Option<GeneratorLoad> {
        let elapsed_ns = self.at.ns_since(earlier.at);
        if elapsed_ns == 0 || cores == 0 {
            return None;
        }
        // To the hundredth of a percent.
        let percent =
            |ns: u64, cores: usize| (ns as f64 / elapsed_ns as f64 / cores as f64 * 10_000.0).round() / 100.0;
        let loads = self.threads.iter().map(|(id, (name, ns))| {
            let before_ns = earlier.threads.get(id).map_or(0, |(_, ns)| *ns);
            ThreadLoad { name: name.clone(), percent: percent(ns.saturating_sub(before_ns), 1) }
        });
        let of_calls = loads.filter(|thread| !BESIDE_CALLS.contains(&thread.name.as_str()));
        Some(GeneratorLoad {
            seconds: units::s(elapsed_ns),
            cores: cores as u64,
            process_percent: percent(self.process_ns.saturating_sub(earlier.process_ns), cores),
            busiest_thread: of_calls.max_by(|one, other| one.percent.total_cmp(&other.percent)),
        })
    }
}

/// Name and processor time of each thread. Linux tells them in files; elsewhere there is none.
fn threads() -> BTreeMap<u32, (String, u64)> {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else { return BTreeMap::new() };
    let ids = tasks.filter_map(|task| task.ok()?.file_name().into_string().ok()?.parse::<u32>().ok());
    let read = |id: u32, file: &str| fs::read_to_string(format!("/proc/self/task/{id}/{file}")).ok();
    ids.filter_map(|id| {
        Some((id, (read(id, "comm")?.trim_end().to_owned(), run_ns(&read(id, "schedstat")?)?)))
    })
    .collect()
}

/// Reads `schedstat`: nanoseconds on a processor, nanoseconds of waiting for one, and how often.
fn run_ns(schedstat: &str) -> Option<u64> {
    schedstat.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_busiest_thread_is_one_that_calls_depend_on() {
        let thread = |id, name: &str, ns| (id, (name.to_owned(), ns));
        let start = Moment::now();
        let before = Snapshot {
            at: start,
            process_ns: 1_000,
            threads: BTreeMap::from([thread(1, "awsinvoker", 10), thread(2, "observer", 0)]),
        };
        assert_eq!(before.load_since(&before, 2), None, "no time passed");
        while Moment::now() == start {}
        let at = Moment::now();
        let elapsed = at.ns_since(start);
        let after = Snapshot {
            at,
            process_ns: 1_000 + elapsed,
            threads: BTreeMap::from([
                thread(1, "awsinvoker", 10 + elapsed / 4),
                thread(2, "observer", elapsed),
                thread(3, "worker", elapsed / 2),
            ]),
        };
        let load = after.load_since(&before, 2).unwrap();
        assert_eq!((load.cores, load.process_percent.to_bits()), (2, 50.0_f64.to_bits()));
        let busiest = load.busiest_thread.unwrap();
        assert_eq!(busiest.name, "worker");
        assert!((49.0..=50.0).contains(&busiest.percent), "{busiest:?}");
    }

    /// Waits until this process tells that the thread of this name took so much, which is a failure after a minute.
    fn snapshot_with(name: &str, least_ns: u64) -> Snapshot {
        for _ in 0..6_000 {
            let snapshot = Snapshot::take();
            if snapshot.threads.values().any(|(found, ns)| found == name && *ns >= least_ns) {
                return snapshot;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("{name} took less than {least_ns} ns: {:?}", Snapshot::take());
    }

    #[test]
    fn linux_tells_the_time_of_each_thread() {
        const LEAST_NS: u64 = 20_000_000;
        let before = Snapshot::take();
        let (end, ended) = mpsc::channel::<()>();
        let worker = thread::Builder::new().name("a worker".to_owned()).spawn(move || {
            // The other end is dropped at the end of the test, also if it fails.
            while ended.try_recv() == Err(mpsc::TryRecvError::Empty) {}
        });
        snapshot_with("a worker", LEAST_NS);
        let after = Snapshot::take();
        // The system may count a thread a little earlier than its process.
        assert!(after.process_ns >= before.process_ns + LEAST_NS / 2, "{before:?} {after:?}");
        drop(end);
        worker.unwrap().join().unwrap();
    }
}
