//! The machine of the load generator: what it is, and how busy it is. Linux tells both in files.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use run_record::run_info::{Load, Machine, Scheduling};
use run_record::units;

use crate::clock::Moment;

/// A chain of parents that is longer than this is a circle, which may appear while processes end.
const MAX_GENERATIONS: usize = 64;

/// What the processors have done up to a moment, in ticks of the system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Snapshot {
    at: Moment,
    processors: Processors,
    /// Ticks of this process and of those that it started, also of those that ended and were waited for.
    own: u64,
}

/// Ticks of all processors together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Processors {
    total: u64,
    busy: u64,
    steal: u64,
}

/// A process that runs.
#[derive(Debug, PartialEq, Eq)]
struct Process {
    id: u32,
    parent: u32,
    /// Its ticks, and those of its children that ended.
    ticks: u64,
}

impl Snapshot {
    /// Looks at the processors; `None` where the system does not tell. It reads a file of each process of the machine.
    pub(crate) fn take() -> Option<Self> {
        let processors = processors(&fs::read_to_string("/proc/stat").ok()?)?;
        Some(Self { at: Moment::now(), processors, own: family_ticks(&processes(), std::process::id()) })
    }

    /// How busy the machine was between two snapshots; `None` if no tick passed.
    pub(crate) fn load_since(&self, earlier: &Self) -> Option<Load> {
        let (now, then) = (self.processors, earlier.processors);
        let total = now.total.checked_sub(then.total).filter(|total| *total > 0)?;
        // To the hundredth of a percent: a tick is no finer.
        let percent = |later: u64, earlier: u64| {
            (later.saturating_sub(earlier) as f64 / total as f64 * 10_000.0).round() / 100.0
        };
        let own_percent = percent(self.own, earlier.own);
        Some(Load {
            seconds: units::s(self.at.ns_since(earlier.at)),
            // The system counts both by ticks, but not at the same moments.
            busy_percent: percent(now.busy, then.busy).max(own_percent),
            own_percent,
            steal_percent: percent(now.steal, then.steal),
            load_average: fs::read_to_string("/proc/loadavg").ok().as_deref().and_then(load_average),
        })
    }
}

/// Watches the machine for a while.
pub(crate) async fn watch(duration: Duration) -> Option<Load> {
    let start = Snapshot::take()?;
    tokio::time::sleep(duration).await;
    Snapshot::take()?.load_since(&start)
}

/// Describes this machine, but not how busy it is.
pub(crate) fn describe(scheduling: Scheduling) -> Machine {
    let uname = rustix::system::uname();
    let parts = [uname.sysname(), uname.release(), uname.machine()];
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let (cpuinfo, meminfo) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
    let dmi = ["sys_vendor", "product_name"].map(|name| read(&format!("/sys/class/dmi/id/{name}")));
    let product = dmi.map(|part| part.trim().to_owned()).join(" ").trim().to_owned();
    Machine {
        cpu: cpu_name(&cpuinfo),
        is_virtual: value(&cpuinfo, "flags").map(|flags| flags.split(' ').any(|flag| flag == "hypervisor")),
        product: Some(product).filter(|product| !product.is_empty()),
        cores: cores(),
        memory_kib: value(&meminfo, "MemTotal").and_then(|memory| memory.strip_suffix(" kB")?.parse().ok()),
        kernel: parts.map(|part| part.to_string_lossy().into_owned()).join(" "),
        scheduling,
        before: None,
        during: None,
        after: None,
    }
}

/// How many processors this process may use; `None` if the system does not tell.
pub(crate) fn cores() -> Option<usize> {
    std::thread::available_parallelism().ok().map(Into::into)
}

/// Clouds name processors of different kinds alike, so the name alone does not tell which one it is.
fn cpu_name(cpuinfo: &str) -> Option<String> {
    let name = value(cpuinfo, "model name")?;
    let parts = [("cpu family", "family"), ("model", "model"), ("stepping", "stepping")];
    let numbers: Vec<_> =
        parts.iter().filter_map(|(key, word)| Some(format!("{word} {}", value(cpuinfo, key)?))).collect();
    Some(if numbers.is_empty() { name.to_owned() } else { format!("{name} ({})", numbers.join(", ")) })
}

/// The first value of a key in one of the system's `KEY : VALUE` files.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim())
}

/// Reads `/proc/stat`.
fn processors(stat: &str) -> Option<Processors> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    // user, nice, system, idle, iowait, irq, softirq, steal. Those of guests, which follow, are part of user.
    let ticks: Vec<u64> = line.split_whitespace().take(8).map(str::parse).collect::<Result<_, _>>().ok()?;
    let total: u64 = ticks.iter().sum();
    let (idle, steal) = (ticks.get(3)? + ticks.get(4)?, *ticks.get(7)?);
    Some(Processors { total, busy: total - idle - steal, steal })
}

/// Reads `/proc/loadavg`.
fn load_average(text: &str) -> Option<[f64; 3]> {
    let mut words = text.split(' ').map(|word| word.parse().ok());
    Some([words.next()??, words.next()??, words.next()??])
}

/// All processes of the machine that can be seen.
fn processes() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let entries = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()?.parse::<u32>().ok());
    entries.filter_map(|id| process(id, &fs::read_to_string(format!("/proc/{id}/stat")).ok()?)).collect()
}

/// Reads `/proc/PID/stat`. The name, which may hold anything, stands in parentheses.
fn process(id: u32, stat: &str) -> Option<Process> {
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // utime, stime, cutime and cstime; the field after the name is the third.
    let ticks = fields.get(11..15)?.iter().map(|field| field.parse::<u64>().unwrap_or(0)).sum();
    Some(Process { id, parent: fields.get(1)?.parse().ok()?, ticks })
}

/// The ticks of a process and of all that descend from it.
fn family_ticks(processes: &[Process], root: u32) -> u64 {
    let parents: HashMap<u32, u32> = processes.iter().map(|process| (process.id, process.parent)).collect();
    let descends = |process: &&Process| {
        let ancestors = std::iter::successors(Some(process.id), |id| parents.get(id).copied());
        ancestors.take(MAX_GENERATIONS).any(|id| id == root)
    };
    processes.iter().filter(descends).map(|process| process.ticks).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linux_describes_the_machine() {
        let machine = describe(Scheduling::Normal);
        assert!(machine.kernel.starts_with("Linux "), "{machine:?}");
        assert!(machine.memory_kib.is_some_and(|kib| kib > 100_000), "{machine:?}");
        assert!(machine.cores.is_some_and(|cores| cores > 0), "{machine:?}");
        assert!(Snapshot::take().is_some_and(|snapshot| snapshot.processors.busy > snapshot.own), "no load");
    }

    #[test]
    fn processors_are_told_in_full() {
        let cpuinfo = "processor\t: 0\ncpu family\t: 6\nmodel\t\t: 143\nmodel name\t: Xeon\nstepping\t: 8\n";
        assert_eq!(cpu_name(cpuinfo).as_deref(), Some("Xeon (family 6, model 143, stepping 8)"));
        assert_eq!(cpu_name("model name : ARM\n").as_deref(), Some("ARM"));
        assert_eq!(cpu_name("BogoMIPS : 50\n"), None);
    }

    #[test]
    fn waiting_for_a_disk_is_idle_and_guests_count_once() {
        let stat = "cpu  100 5 20 700 60 3 2 10 80 1\ncpu0 1 2 3\n";
        assert_eq!(processors(stat), Some(Processors { total: 900, busy: 130, steal: 10 }));
        for text in ["", "cpu  1 2 3\n", "cpu  1 2 3 4 5 6 7 x\n"] {
            assert_eq!(processors(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_own_share_holds_what_was_started() {
        let stat = "7 (a) b (c) S 3 7 7 0 -1 4194304 100 0 0 0 11 22 33 44 20 0 1 0 5 0 0";
        assert_eq!(process(7, stat), Some(Process { id: 7, parent: 3, ticks: 110 }));
        assert_eq!(process(7, "7 (a) S"), None);
        let process = |id, parent| Process { id, parent, ticks: 10_u64.pow(id) };
        // 4 and 5 seem to be parents of each other.
        let processes = [process(1, 0), process(2, 1), process(3, 2), process(4, 5), process(5, 4)];
        assert_eq!(family_ticks(&processes, 2), 1_100);
        let at = |total, busy, own| Snapshot {
            at: Moment::now(),
            processors: Processors { total, busy, steal: total / 100 },
            own,
        };
        let load = at(300, 130, 30).load_since(&at(100, 50, 5)).unwrap();
        let percents = [load.busy_percent, load.own_percent, load.steal_percent, load.others_percent()];
        assert_eq!(percents.map(f64::to_bits), [40.0, 12.5, 1.0, 28.5].map(f64::to_bits));
        assert_eq!(at(100, 5, 1).load_since(&at(100, 5, 1)), None, "no tick passed");
    }
}
