//! A closed loop: callers that each make their next call when their last one has ended.

use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};

use run_record::Arrival;

use super::event::Window;
use super::pacer::wait_until;
use crate::clock::SleepClock;
use crate::plan::{ClosedLoop, Numbering, Steps};

/// Hands out the calls of a closed loop, until its time is over. All callers share it.
#[derive(Debug)]
pub(super) struct Turns {
    end_ns: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    steps: Steps,
    numbering: Numbering,
    issued: u64,
    last_ns: u64,
    is_over: bool,
}

impl Turns {
    /// All calls of this loop.
    pub(super) fn new(closed: &ClosedLoop) -> Self {
        let (steps, numbering) = (closed.walk.steps(), Numbering::default());
        let state = State { steps, numbering, issued: 0, last_ns: 0, is_over: false };
        Self { end_ns: closed.duration_ns, state: Mutex::new(state) }
    }

    /// The next call, which is due now; `None` if there are no more.
    pub(super) fn next(&self, now_ns: impl FnOnce() -> u64) -> Option<Arrival> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Read while nobody else can, so that calls are numbered in the order of their times.
        let intended_ns = now_ns();
        if state.is_over || intended_ns >= self.end_ns {
            return None;
        }
        let endpoint = state.steps.next()?;
        let number = state.numbering.next(endpoint);
        let arrival = Arrival { sequence: state.issued, endpoint, number, intended_ns };
        (state.issued, state.last_ns) = (arrival.sequence + 1, intended_ns);
        Some(arrival)
    }

    /// Lets `start` start the callers at the clock's zero, and waits until the time is over or `stop` is set. No call is
    /// handed out after that.
    pub(super) async fn run(
        &self,
        clock: &impl SleepClock,
        stop: &AtomicBool,
        start: impl FnOnce(),
    ) -> Window {
        let is_complete = wait_until(0, clock, stop).await && {
            start();
            wait_until(self.end_ns, clock, stop).await
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_over = true;
        let end_ns = if is_complete { self.end_ns } else { clock.now_ns().max(state.last_ns) };
        Window { issued: state.issued, end_ns }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use run_record::run_info::Order;

    use super::*;
    use crate::plan::Walk;

    const MS: u64 = 1_000_000;

    /// A clock that stands until somebody sets it or sleeps.
    #[derive(Default)]
    struct TestClock(AtomicU64);

    impl SleepClock for TestClock {
        fn has_reached(&self, deadline_ns: u64) -> bool {
            self.now_ns() >= deadline_ns
        }

        fn now_ns(&self) -> u64 {
            self.0.load(Ordering::Relaxed)
        }

        async fn sleep_until(&self, deadline_ns: u64) {
            self.pass_until(deadline_ns);
        }

        async fn spin(&self) {}
    }

    impl TestClock {
        fn pass_until(&self, deadline_ns: u64) {
            self.0.fetch_max(deadline_ns, Ordering::Relaxed);
        }
    }

    fn turns() -> Turns {
        let walk = Walk { order: Order::RoundRobin, seed: 0, slots: vec![4, 7] };
        Turns::new(&ClosedLoop { callers: 2, duration_ns: 100 * MS, walk })
    }

    #[tokio::test]
    async fn each_call_is_due_when_it_is_asked_for_until_the_time_is_over() {
        let (turns, clock) = (turns(), TestClock::default());
        let calls = [(0, 4, 0, 0), (1, 7, 0, 0), (2, 4, 1, 60 * MS), (3, 7, 1, 100 * MS - 1)];
        for (sequence, endpoint, number, now_ns) in calls {
            clock.pass_until(now_ns);
            assert_eq!(
                turns.next(|| clock.now_ns()),
                Some(Arrival { sequence, endpoint, number, intended_ns: now_ns })
            );
        }
        clock.pass_until(100 * MS);
        assert_eq!(turns.next(|| clock.now_ns()), None);
        let window = turns.run(&clock, &AtomicBool::new(false), || {}).await;
        assert_eq!(window, Window { issued: 4, end_ns: 100 * MS });
    }

    #[tokio::test]
    async fn a_loop_that_is_stopped_ends_when_it_is() {
        let (turns, clock, stop) = (turns(), TestClock::default(), AtomicBool::new(false));
        let window = turns.run(&clock, &stop, || {
            turns.next(|| clock.now_ns());
            clock.pass_until(30 * MS);
            stop.store(true, Ordering::Relaxed);
        });
        assert_eq!(window.await, Window { issued: 1, end_ns: 30 * MS });
        assert_eq!(turns.next(|| clock.now_ns()), None);
        let stopped = AtomicBool::new(true);
        let window = turns.run(&clock, &stopped, || panic!("it was stopped before it started"));
        assert_eq!(window.await.issued, 1);
    }
}
