//! Keeps time: issues each arrival when it is due and a late one immediately, and leaves none out.

use std::sync::atomic::{AtomicBool, Ordering};

use run_record::Arrival;

use super::event::Window;
use crate::clock::SleepClock;
use crate::plan::schedule::Schedule;

/// How long a sleep may last before the stop flag is looked at again.
const STOP_CHECK_NS: u64 = 50_000_000;

/// How long before an arrival is due the sleep ends, if the pacer spins: nearly always enough for an idle processor to wake up.
const SPIN_NS: u64 = 300_000;

/// How many arrivals are issued at most before the calls get their turn on the same thread.
const MOST_AT_ONCE: u32 = 32;

/// Issues the schedule until its end, or until `stop` is set.
///
/// `issue` must not block: every arrival after it would be late.
pub(super) async fn pace(
    schedule: &Schedule,
    spin: bool,
    clock: &impl SleepClock,
    stop: &AtomicBool,
    mut issue: impl FnMut(Arrival),
) -> Window {
    let (mut issued, mut at_once) = (0, 0);
    for arrival in schedule.iter() {
        at_once = if clock.has_reached(arrival.intended_ns) { at_once + 1 } else { 0 };
        if at_once > MOST_AT_ONCE {
            tokio::task::yield_now().await;
            at_once = 1;
        }
        if spin {
            spin_until(arrival.intended_ns, clock, stop).await;
        }
        if !wait_until(arrival.intended_ns, clock, stop).await {
            let end_ns = schedule.end_if_stopped_ns(clock.now_ns(), arrival.intended_ns);
            return Window { issued, end_ns };
        }
        issue(arrival);
        issued += 1;
    }
    Window { issued, end_ns: schedule.end_ns() }
}

/// Sleeps until shortly before the deadline and spins for the rest. Answers that come meanwhile are read. Returns early if the
/// run was stopped.
async fn spin_until(deadline_ns: u64, clock: &impl SleepClock, stop: &AtomicBool) {
    if wait_until(deadline_ns.saturating_sub(SPIN_NS), clock, stop).await {
        while !clock.has_reached(deadline_ns) && !stop.load(Ordering::Relaxed) {
            clock.spin().await;
        }
    }
}

/// Sleeps until the deadline; false if the run was stopped.
pub(super) async fn wait_until(deadline_ns: u64, clock: &impl SleepClock, stop: &AtomicBool) -> bool {
    loop {
        if stop.load(Ordering::Relaxed) {
            return false;
        }
        if clock.has_reached(deadline_ns) {
            return true;
        }
        clock.sleep_until(deadline_ns.min(clock.now_ns() + STOP_CHECK_NS)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;
    use std::time::Duration;

    use super::*;
    use crate::plan::schedule::Rate;

    const MS: u64 = 1_000_000;

    /// How long each look at the clock takes.
    const SPINS_NS: u64 = 2_000;

    /// A clock whose time passes only while somebody sleeps. Each sleep ends `late_ns` late.
    struct TestClock {
        now_ns: AtomicU64,
        late_ns: u64,
    }

    impl TestClock {
        fn new(late_ns: u64) -> Self {
            Self { now_ns: AtomicU64::new(0), late_ns }
        }
    }

    impl SleepClock for TestClock {
        fn has_reached(&self, deadline_ns: u64) -> bool {
            self.now_ns() >= deadline_ns
        }

        fn now_ns(&self) -> u64 {
            self.now_ns.load(Ordering::Relaxed)
        }

        async fn sleep_until(&self, deadline_ns: u64) {
            self.now_ns.fetch_max(deadline_ns, Ordering::Relaxed);
            self.now_ns.fetch_add(self.late_ns, Ordering::Relaxed);
        }

        async fn spin(&self) {
            self.now_ns.fetch_add(SPINS_NS, Ordering::Relaxed);
        }
    }

    /// A clock by which the run is stopped: when somebody has slept, or else when somebody has spun.
    struct Stopping<'a> {
        clock: TestClock,
        stop: &'a AtomicBool,
        in_sleep: bool,
    }

    impl SleepClock for Stopping<'_> {
        fn has_reached(&self, deadline_ns: u64) -> bool {
            self.clock.has_reached(deadline_ns)
        }

        fn now_ns(&self) -> u64 {
            self.clock.now_ns()
        }

        async fn sleep_until(&self, deadline_ns: u64) {
            self.clock.sleep_until(deadline_ns).await;
            self.stop.store(self.in_sleep, Ordering::Relaxed);
        }

        async fn spin(&self) {
            self.clock.spin().await;
            self.stop.store(!self.in_sleep, Ordering::Relaxed);
        }
    }

    fn schedule(rps: f64, duration_ms: u64) -> Schedule {
        Schedule::constant(Rate::from_rps(rps).unwrap(), Duration::from_millis(duration_ms))
    }

    #[tokio::test]
    async fn each_arrival_is_issued_when_it_is_due() {
        let (clock, mut seen) = (TestClock::new(0), Vec::new());
        let (schedule, go_on) = (schedule(1000.0, 100), AtomicBool::new(false));
        let paced = pace(&schedule, false, &clock, &go_on, |arrival| {
            assert_eq!(clock.now_ns(), arrival.intended_ns);
            seen.push(arrival.sequence);
        });
        assert_eq!(paced.await, Window { issued: 100, end_ns: 100 * MS });
        assert!(seen.iter().copied().eq(0..100));
    }

    #[tokio::test]
    async fn a_pacer_that_spins_is_not_late_by_the_time_of_waking_up() {
        const AWAKE_NS: u64 = 200_000;
        for (spin, rps, is_late) in
            [(false, 20_u32, true), (true, 20, false), (true, 200, false), (true, 3000, false)]
        {
            let (clock, mut late_ns) = (TestClock::new(AWAKE_NS), 0);
            let (schedule, go_on) = (schedule(f64::from(rps), 1000), AtomicBool::new(false));
            let paced = pace(&schedule, spin, &clock, &go_on, |arrival| {
                late_ns = late_ns.max(clock.now_ns() - arrival.intended_ns);
            });
            assert_eq!(paced.await.issued, u64::from(rps));
            let expected = if is_late { AWAKE_NS..=AWAKE_NS } else { 0..=SPINS_NS };
            assert!(expected.contains(&late_ns), "spin {spin} at {rps}: {late_ns} ns");
        }
    }

    #[tokio::test]
    async fn a_pacer_that_spins_notices_that_the_run_is_stopped() {
        let stop = AtomicBool::new(false);
        let clock = Stopping { clock: TestClock::new(0), stop: &stop, in_sleep: false };
        assert_eq!(pace(&schedule(20.0, 1000), true, &clock, &stop, |_| {}).await.issued, 1);
    }

    #[tokio::test]
    async fn late_arrivals_are_issued_immediately_and_none_is_left_out() {
        // Each sleep ends when ten more arrivals are due.
        let (clock, mut issued_at) = (TestClock::new(10 * MS), Vec::new());
        let (schedule, go_on) = (schedule(1000.0, 100), AtomicBool::new(false));
        let paced = pace(&schedule, false, &clock, &go_on, |_| {
            issued_at.push(clock.now_ns());
        });
        assert_eq!(paced.await.issued, 100);
        issued_at.dedup();
        assert_eq!(issued_at.len(), 10, "{issued_at:?}");
    }

    #[tokio::test]
    async fn the_calls_get_their_turn_while_many_arrivals_are_late() {
        let (clock, (sender, calls)) = (TestClock::new(0), std::sync::mpsc::channel());
        clock.now_ns.store(1000 * MS, Ordering::Relaxed);
        let (mut waiting, mut most) = (0, 0);
        let (schedule, go_on) = (schedule(1000.0, 500), AtomicBool::new(false));
        let paced = pace(&schedule, false, &clock, &go_on, |_| {
            let sender = sender.clone();
            tokio::spawn(async move { sender.send(()) });
            waiting = waiting + 1 - calls.try_iter().count();
            most = most.max(waiting);
        });
        assert_eq!(paced.await.issued, 500);
        assert_eq!(most, MOST_AT_ONCE as usize);
    }

    #[tokio::test]
    async fn a_run_that_is_stopped_ends_when_the_first_arrival_that_was_left_out_was_due() {
        let (clock, stop, schedule) = (TestClock::new(0), AtomicBool::new(false), schedule(1000.0, 100));
        let paced = pace(&schedule, false, &clock, &stop, |arrival| {
            stop.store(arrival.sequence == 9, Ordering::Relaxed);
        });
        assert_eq!(paced.await, Window { issued: 10, end_ns: 10 * MS });
    }

    #[tokio::test]
    async fn a_long_wait_notices_that_the_run_is_stopped() {
        let stop = AtomicBool::new(false);
        let clock = Stopping { clock: TestClock::new(0), stop: &stop, in_sleep: true };
        let paced = pace(&schedule(0.001, 2_000_000), false, &clock, &stop, |_| {}).await;
        assert_eq!(paced.issued, 1);
        assert_eq!(clock.now_ns(), STOP_CHECK_NS);
    }
}
