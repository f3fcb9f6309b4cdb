//! How the system schedules the threads that calls depend on.
//!
//! A thread that is scheduled normally may have to wait when it is woken, up to a tick of the system, while a function
//! computes on its processor, even if another processor is idle. The load generator would then be late, and would notice
//! answers late. A real-time thread does not wait.

use std::io;
use std::thread;

use run_record::run_info::Scheduling;

use crate::cli::SchedulingArg;

/// The lowest real-time priority: other real-time threads of the machine come first.
const PRIORITY: libc::c_int = 1;

/// The system does not permit what was asked for.
#[derive(Debug, thiserror::Error)]
#[error(
    "--scheduling real-time: the system does not permit it: {0}; expected a user with CAP_SYS_NICE, or a limit of \
     real-time priorities (`ulimit -r`) of at least {PRIORITY}; `auto` goes without"
)]
pub struct NotPermitted(io::Error);

/// What is asked for, as far as the system permits it.
///
/// # Errors
/// Real-time scheduling is demanded and not permitted.
pub(crate) fn choose(asked: SchedulingArg) -> Result<Scheduling, NotPermitted> {
    match asked {
        SchedulingArg::Normal => Ok(Scheduling::Normal),
        SchedulingArg::Auto => Ok(try_real_time().map_or(Scheduling::Normal, |()| Scheduling::RealTime)),
        SchedulingArg::RealTime => try_real_time().map(|()| Scheduling::RealTime).map_err(NotPermitted),
    }
}

/// Tries it on a thread that ends at once.
fn try_real_time() -> io::Result<()> {
    let tried = thread::Builder::new().spawn(set_real_time)?.join();
    tried.unwrap_or_else(|_| Err(io::Error::other("the thread that tried it panicked")))
}

/// Has this thread scheduled so. Neither processes nor threads that it starts inherit it.
pub fn apply(scheduling: Scheduling) {
    if scheduling == Scheduling::RealTime
        && let Err(error) = set_real_time()
    {
        tracing::warn!("a thread that calls depend on is scheduled normally: {error}");
    }
}

#[expect(unsafe_code, reason = "there is no safe function for the policy of a thread")]
fn set_real_time() -> io::Result<()> {
    /// For the C library, this thread.
    const THIS_THREAD: libc::pid_t = 0;
    let parameters = libc::sched_param { sched_priority: PRIORITY };
    // What this thread starts, such as functions, has to be scheduled as it would be without awsinvoker.
    let policy = libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK;
    // SAFETY: the parameters live until the call returns, and nothing else is passed by its address.
    let result = unsafe { libc::sched_setscheduler(THIS_THREAD, policy, &raw const parameters) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;

    /// The policy of a thread, by the number that Linux has for it: field 41 of its file.
    fn policy(stat: &str) -> i32 {
        let (_, after_name) = stat.rsplit_once(") ").unwrap();
        after_name.split(' ').nth(38).unwrap().parse().unwrap()
    }

    #[test]
    fn a_thread_is_scheduled_as_chosen_and_what_it_starts_is_not() {
        let chosen = choose(SchedulingArg::Auto).unwrap();
        let expected = match chosen {
            Scheduling::Normal => libc::SCHED_OTHER,
            Scheduling::RealTime => libc::SCHED_FIFO,
        };
        let own = || policy(&fs::read_to_string("/proc/thread-self/stat").unwrap());
        let started = thread::spawn(move || {
            apply(chosen);
            let child = Command::new("cat").arg("/proc/self/stat").output().unwrap();
            (own(), policy(&String::from_utf8(child.stdout).unwrap()), thread::spawn(own).join().unwrap())
        });
        assert_eq!(started.join().unwrap(), (expected, libc::SCHED_OTHER, libc::SCHED_OTHER));
        assert_eq!(own(), libc::SCHED_OTHER);
    }

    #[test]
    fn what_is_not_asked_for_is_not_chosen() {
        assert_eq!(choose(SchedulingArg::Normal).unwrap(), Scheduling::Normal);
        let permitted = choose(SchedulingArg::Auto).unwrap() == Scheduling::RealTime;
        match choose(SchedulingArg::RealTime) {
            Ok(chosen) => assert!(permitted && chosen == Scheduling::RealTime),
            Err(error) => assert!(!permitted && error.to_string().contains("ulimit -r"), "{error}"),
        }
    }
}
