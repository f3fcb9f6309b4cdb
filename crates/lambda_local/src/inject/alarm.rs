//! An exact alarm: a thread of its own that does each job when it is due.
//!
//! The timers of the async runtime have a resolution of a millisecond, and a job would then have to wait for a worker.
//! This thread sleeps by the kernel's timers of nanoseconds and does the jobs itself.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::io;
use std::num::NonZeroU64;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock;

/// Does jobs when they are due. Jobs must be short: they delay one another.
#[derive(Debug)]
pub(crate) struct Alarm<J> {
    shared: Arc<Shared<J>>,
}

#[derive(Debug)]
struct Shared<J> {
    state: Mutex<State<J>>,
    /// Notified when the thread has to look at the state again before its next job is due.
    changed: Condvar,
}

#[derive(Debug)]
struct State<J> {
    /// The job that is due next comes first. Of those that are due at the same time, the one that was set first.
    jobs: BinaryHeap<Reverse<Due<J>>>,
    set: u64,
    stopped: bool,
}

#[derive(Debug)]
struct Due<J> {
    due_ns: u64,
    sequence: u64,
    job: J,
}

impl<J: Send + 'static> Alarm<J> {
    /// Starts the thread, which calls `ring` with each job that is due.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub(crate) fn start(ring: impl FnMut(J) + Send + 'static) -> io::Result<Self> {
        let state = State { jobs: BinaryHeap::new(), set: 0, stopped: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let thread = std::thread::Builder::new().name("alarm".to_owned());
        let own = Arc::clone(&shared);
        thread.spawn(move || own.run(ring))?;
        Ok(Self { shared })
    }

    /// Sets a job for a time of the monotonic clock. One that was due already is done immediately.
    ///
    /// # Errors
    /// The job, if the alarm has stopped.
    pub(crate) fn set(&self, due_ns: u64, job: J) -> Result<(), J> {
        let mut state = self.shared.state();
        if state.stopped {
            return Err(job);
        }
        let sequence = state.set;
        state.set += 1;
        let is_next = state.jobs.peek().is_none_or(|Reverse(next)| due_ns < next.due_ns);
        state.jobs.push(Reverse(Due { due_ns, sequence, job }));
        drop(state);
        if is_next {
            self.shared.changed.notify_one();
        }
        Ok(())
    }

    /// Does no more jobs, and gives back those that are left.
    pub(crate) fn stop(&self) -> Vec<J> {
        let mut state = self.shared.state();
        state.stopped = true;
        let left = std::mem::take(&mut state.jobs);
        drop(state);
        self.shared.changed.notify_one();
        left.into_iter().map(|Reverse(due)| due.job).collect()
    }
}

impl<J> Drop for Alarm<J> {
    fn drop(&mut self) {
        self.shared.state().stopped = true;
        self.shared.changed.notify_one();
    }
}

impl<J> Shared<J> {
    fn run(&self, mut ring: impl FnMut(J)) {
        // Linux lets a thread wake up 50 µs late by default, to save power. Failing to ask for less costs only
        // precision, and the truth file tells what was reached.
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        let mut state = self.state();
        while !state.stopped {
            let wait =
                state.jobs.peek().map(|Reverse(next)| next.due_ns.saturating_sub(clock::monotonic_ns()));
            state = match wait {
                Some(0) => {
                    let job = state.jobs.pop();
                    drop(state);
                    job.into_iter().for_each(|Reverse(due)| ring(due.job));
                    self.state()
                }
                Some(ns) => {
                    let woken = self.changed.wait_timeout(state, Duration::from_nanos(ns));
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn state(&self) -> MutexGuard<'_, State<J>> {
        // The state is consistent at every point that could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<J> Due<J> {
    fn key(&self) -> (u64, u64) {
        (self.due_ns, self.sequence)
    }
}

impl<J> Ord for Due<J> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl<J> PartialOrd for Due<J> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<J> PartialEq for Due<J> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<J> Eq for Due<J> {}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn jobs_are_done_in_the_order_in_which_they_are_due_and_never_early() {
        let (done, jobs) = mpsc::channel();
        let alarm = Alarm::start(move |job: (u64, u32)| {
            done.send((clock::monotonic_ns(), job)).unwrap();
        })
        .unwrap();
        let now = clock::monotonic_ns();
        for (after, name) in [(20 * MS, 4), (0, 1), (10 * MS, 2), (10 * MS, 3)] {
            alarm.set(now + after, (now + after, name)).unwrap();
        }
        for expected in 1..=4 {
            let (done_ns, (due_ns, name)) = jobs.recv().unwrap();
            assert_eq!(name, expected);
            assert!(done_ns >= due_ns);
        }
    }

    #[test]
    fn a_stopped_alarm_gives_its_jobs_back() {
        let alarm = Alarm::start(|_| panic!("it is not due")).unwrap();
        let never = clock::monotonic_ns() + 3_600_000 * MS;
        alarm.set(never, 1).unwrap();
        alarm.set(never + 1, 2).unwrap();
        let mut left = alarm.stop();
        left.sort_unstable();
        assert_eq!(left, [1, 2]);
        assert_eq!(alarm.set(never, 3), Err(3));
    }
}
