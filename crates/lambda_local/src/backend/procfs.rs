//! What the kernel says of a process, in `/proc`.

use std::fs::{self, File};
use std::io::Read;
use std::time::Duration;

use rustix::io::Errno;
use rustix::param::clock_ticks_per_second;
use rustix::process::{Pid, test_kill_process};

use crate::clock;

/// The position of the start time in `/proc/PID/stat`, counted behind the name in parentheses.
const START_TIME_FIELD: usize = 19;

/// More than the beginning of `/proc/PID/status` up to the memory.
const STATUS_BYTES: usize = 4096;

/// The most memory that a process has had resident so far, in KiB. `None` if the process has ended.
///
/// The file is read at once: each reply waits for this, and reading a file of unknown size takes several calls, in each of
/// which the kernel writes all of it again.
pub(super) fn peak_memory_kib(pid: u32) -> Option<u64> {
    let mut status = [0; STATUS_BYTES];
    let length = File::open(format!("/proc/{pid}/status")).ok()?.read(&mut status).ok()?;
    parse_peak_memory(&String::from_utf8_lossy(&status[..length]))
}

/// The first child of a process.
pub(super) fn first_child(pid: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

/// Whether a process runs in the container `id`. If this server is in a process namespace of its own, the number may
/// mean another process here.
pub(super) fn is_in_container(pid: u32, id: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/cgroup")).is_ok_and(|cgroups| cgroups.contains(id))
}

/// When a process was started, in the kernel's ticks since the machine booted.
pub(super) fn start_ticks(pid: u32) -> Option<u64> {
    parse_start_ticks(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Whether it is certain that no process has this number.
pub(super) fn is_gone(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) == Err(Errno::SRCH))
}

/// The least and the most time that can have passed since a process was started. The kernel counts in ticks.
pub(super) fn age(pid: u32) -> Option<(Duration, Duration)> {
    let tick = Duration::from_secs(1) / u32::try_from(clock_ticks_per_second()).ok()?;
    let started = tick * u32::try_from(start_ticks(pid)?).ok()?;
    let most = clock::since_boot()?.checked_sub(started)?;
    Some((most.saturating_sub(tick), most))
}

fn parse_peak_memory(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim_end().parse().ok()
}

fn parse_start_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(START_TIME_FIELD)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_from_the_status_of_the_process() {
        assert_eq!(parse_peak_memory("Name:\tx\nVmHWM:\t   36864 kB\nVmRSS:\t 1 kB\n"), Some(36864));
        assert_eq!(parse_peak_memory("Name:\tzombie\n"), None);
    }

    #[test]
    fn the_age_of_a_process_is_bounded() {
        let before = age(std::process::id()).unwrap();
        let mut child = std::process::Command::new("sleep").arg("10").spawn().unwrap();
        std::thread::sleep(Duration::from_millis(50));
        let (least, most) = age(child.id()).unwrap();
        assert_eq!(first_child(std::process::id()), None, "children belong to the thread that started them");
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(
            least < most && most >= Duration::from_millis(50) && most < before.1 + Duration::from_secs(1)
        );
        assert_eq!(age(child.id()), None);
    }
}
