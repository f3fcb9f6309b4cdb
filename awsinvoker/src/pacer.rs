//! The thread that keeps time: it issues each arrival when it is due, late ones at once, and leaves none out.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::clock::Clock;
use crate::schedule::{Arrival, Schedule};

/// How long a sleep may last before the stop flag is looked at again.
const STOP_CHECK_NS: u64 = 50_000_000;

/// What the pacer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paced {
    /// The number of arrivals issued.
    pub issued: u64,
    /// The end of the window over which rates are computed, in nanoseconds since the start: of the schedule, or, if the
    /// run was stopped, when it was, but not before the first arrival that was left out was due.
    pub window_ns: u64,
}

/// Issues the schedule on the calling thread until its end, or until `stop` is set.
///
/// `issue` must not block: every arrival after it would be late.
pub fn pace(schedule: &Schedule, clock: Clock, stop: &AtomicBool, mut issue: impl FnMut(Arrival)) -> Paced {
    // Linux lets a timer fire 50 µs late by default, to save power. Failing to ask for less costs only precision,
    // and that is recorded as schedule lag.
    let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
    let mut issued = 0;
    for arrival in schedule.iter() {
        if !wait_until(arrival.intended_ns, clock, stop) {
            return Paced { issued, window_ns: clock.now_ns().max(arrival.intended_ns) };
        }
        issue(arrival);
        issued += 1;
    }
    Paced { issued, window_ns: schedule.end_ns() }
}

/// Sleeps until the deadline; false if the run was stopped.
fn wait_until(deadline_ns: u64, clock: Clock, stop: &AtomicBool) -> bool {
    loop {
        if stop.load(Ordering::Relaxed) {
            return false;
        }
        if clock.has_reached(deadline_ns) {
            return true;
        }
        clock.sleep_until(deadline_ns.min(clock.now_ns() + STOP_CHECK_NS));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::schedule::{Arrivals, Rate};

    fn schedule() -> Schedule {
        Schedule {
            rate: Rate::from_rps(1000.0).unwrap(),
            duration_ns: 100_000_000,
            arrivals: Arrivals::Constant,
            seed: 0,
            slots: vec![0],
        }
    }

    #[test]
    fn issues_everything_in_order_and_never_early() {
        // The first arrival is due at zero, which is still ahead.
        let clock = Clock::starting_in(Duration::from_millis(5));
        let mut seen = Vec::new();
        let paced = pace(&schedule(), clock, &AtomicBool::new(false), |arrival| {
            assert!(clock.has_reached(arrival.intended_ns));
            seen.push(arrival.sequence);
        });
        assert_eq!(paced, Paced { issued: 100, window_ns: 100_000_000 });
        assert!(seen.iter().copied().eq(0..100));
    }

    #[test]
    fn stops_between_arrivals() {
        let (clock, stop) = (Clock::starting_in(Duration::ZERO), AtomicBool::new(false));
        let paced = pace(&schedule(), clock, &stop, |arrival| {
            if arrival.sequence == 9 {
                stop.store(true, Ordering::Relaxed);
            }
        });
        assert_eq!(paced.issued, 10);
        assert!(paced.window_ns >= 10_000_000, "{}", paced.window_ns);
    }
}
