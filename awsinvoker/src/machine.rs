//! The machine that a run was made on, and what it allows.

use std::fs;
use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;

/// Files that a run has open beside its connections, generously.
const OTHER_FILES: u64 = 64;

/// What numbers depend on.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// The processor's name, if the system tells.
    pub cpu: Option<String>,
    /// Cores that this process may use.
    pub cores: Option<usize>,
    /// Memory in KiB.
    pub memory_kib: Option<u64>,
    /// Kernel name, release and architecture.
    pub kernel: String,
}

impl Machine {
    /// Looks at the machine.
    pub fn look() -> Self {
        let uname = rustix::system::uname();
        let parts = [uname.sysname(), uname.release(), uname.machine()];
        let memory = proc_value("/proc/meminfo", "MemTotal");
        Self {
            cpu: proc_value("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism().ok().map(Into::into),
            memory_kib: memory.and_then(|memory| memory.strip_suffix(" kB")?.parse().ok()),
            kernel: parts.map(|part| part.to_string_lossy().into_owned()).join(" "),
        }
    }
}

/// The first value of a key in one of the system's `KEY : VALUE` files.
fn proc_value(path: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim().to_owned())
}

/// Lets the process have so many connections open at once.
///
/// # Errors
/// The system's hard limit is lower.
pub fn allow_connections(connections: u32) -> io::Result<()> {
    let needed = u64::from(connections) + OTHER_FILES;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    match (current, maximum) {
        (None, _) => Ok(()),
        (Some(current), _) if current >= needed => Ok(()),
        (_, Some(maximum)) if maximum < needed => Err(io::Error::other(format!(
            "--max-in-flight is {connections}, expected at most {} where a process may have {maximum} files open",
            maximum.saturating_sub(OTHER_FILES)
        ))),
        _ => Ok(setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum })?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linux_tells_all() {
        let machine = Machine::look();
        assert!(machine.kernel.starts_with("Linux "), "{machine:?}");
        assert!(machine.memory_kib.is_some_and(|kib| kib > 100_000), "{machine:?}");
        assert!(machine.cores.is_some_and(|cores| cores > 0), "{machine:?}");
    }

    #[test]
    fn connections_beyond_the_hard_limit_are_refused() {
        allow_connections(1).unwrap();
        if getrlimit(Resource::Nofile).maximum.is_some_and(|maximum| maximum < u64::from(u32::MAX)) {
            assert!(allow_connections(u32::MAX).unwrap_err().to_string().contains("expected at most"));
        }
    }
}
