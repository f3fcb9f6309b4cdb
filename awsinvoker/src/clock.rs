//! The run's only clock: nanoseconds since the run's start, on `CLOCK_MONOTONIC`.

use std::time::{Duration, SystemTime};

use rustix::thread::clock_nanosleep_absolute;
use rustix::time::{ClockId, Timespec, clock_gettime};

const NS_PER_S: i64 = 1_000_000_000;

/// A clock that all threads of a run share by copying.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin_ns: i64,
    start: SystemTime,
}

impl Clock {
    /// A clock whose zero lies `delay` ahead, so that threads can be ready when it comes.
    pub fn starting_in(delay: Duration) -> Self {
        let delay_ns = i64::try_from(delay.as_nanos()).unwrap_or(i64::MAX);
        Self { origin_ns: monotonic_ns().saturating_add(delay_ns), start: SystemTime::now() + delay }
    }

    /// The wall clock's time at zero.
    pub fn start(&self) -> SystemTime {
        self.start
    }

    /// Whether the time has come. Before zero it has come for nothing.
    pub fn has_reached(&self, deadline_ns: u64) -> bool {
        monotonic_ns() >= self.origin_ns.saturating_add_unsigned(deadline_ns)
    }

    /// Nanoseconds since zero; 0 before it.
    pub fn now_ns(&self) -> u64 {
        u64::try_from(monotonic_ns() - self.origin_ns).unwrap_or(0)
    }

    /// Blocks the thread until `deadline_ns`; returns at once if that has passed. May wake early on a signal.
    pub fn sleep_until(&self, deadline_ns: u64) {
        let deadline = self.origin_ns.saturating_add_unsigned(deadline_ns);
        let request = Timespec { tv_sec: deadline / NS_PER_S, tv_nsec: deadline % NS_PER_S };
        // The only error that a valid request can meet is a signal, after which the caller looks at the time again.
        let _ = clock_nanosleep_absolute(ClockId::Monotonic, &request);
    }
}

fn monotonic_ns() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * NS_PER_S + now.tv_nsec
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeping_never_ends_early_without_a_signal_and_zero_is_ahead() {
        let clock = Clock::starting_in(Duration::from_millis(5));
        assert_eq!((clock.now_ns(), clock.has_reached(0)), (0, false));
        clock.sleep_until(1_000_000);
        assert!(clock.now_ns() >= 1_000_000);
        assert!(clock.has_reached(1_000_000) && !clock.has_reached(3_600_000_000_000));
        clock.sleep_until(0);
    }
}
