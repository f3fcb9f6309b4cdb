//! The run's only clock: nanoseconds since the run's start, on `CLOCK_MONOTONIC`. Time comes into this crate here and
//! nowhere else.

use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use run_record::units::NS_PER_S;
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

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
        Self { origin_ns: monotonic_ns().saturating_add(delay_ns), start: wall_now() + delay }
    }

    /// A clock whose zero is at this time of day, which may have passed.
    pub fn starting_at(start: SystemTime) -> Self {
        let ns = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        let ahead_ns = start.duration_since(wall_now()).map_or_else(|error| -ns(error.duration()), ns);
        Self { origin_ns: monotonic_ns().saturating_add(ahead_ns), start }
    }

    /// The wall clock's time at zero.
    pub fn start(&self) -> SystemTime {
        self.start
    }

    /// How long it is until zero; nothing after it.
    pub fn until_start(&self) -> Duration {
        Duration::from_nanos(u64::try_from(self.origin_ns - monotonic_ns()).unwrap_or(0))
    }

    /// Nanoseconds since zero; 0 before it.
    pub fn now_ns(&self) -> u64 {
        self.ns_at(Moment::now())
    }

    /// How far the wall clock has moved against this one since its making, in nanoseconds: below zero if it was set back.
    pub fn wall_jump_ns(&self) -> i64 {
        let elapsed_ns = monotonic_ns() - self.origin_ns;
        let ns = |elapsed: Duration| i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX);
        let wall_ns = wall_now().duration_since(self.start).map_or_else(|error| -ns(error.duration()), ns);
        wall_ns.saturating_sub(elapsed_ns)
    }

    /// Nanoseconds from zero to a moment; 0 before it.
    pub fn ns_at(&self, moment: Moment) -> u64 {
        u64::try_from(moment.0 - self.origin_ns).unwrap_or(0)
    }
}

/// A moment on `CLOCK_MONOTONIC`, for those who do not know when the run started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(i64);

impl Moment {
    /// This moment.
    pub fn now() -> Self {
        Self(monotonic_ns())
    }

    /// Nanoseconds from an earlier moment to this one; 0 if it is a later one.
    pub fn ns_since(self, earlier: Self) -> u64 {
        u64::try_from(self.0 - earlier.0).unwrap_or(0)
    }
}

/// A moment that one part of a call notes and another reads; none at first.
#[derive(Debug)]
pub(crate) struct NotedMoment(AtomicI64);

impl NotedMoment {
    const NONE: i64 = i64::MIN;

    /// Without a moment.
    pub(crate) const fn none() -> Self {
        Self(AtomicI64::new(Self::NONE))
    }

    /// Notes this moment, instead of one that was noted before.
    pub(crate) fn note(&self) {
        self.0.store(monotonic_ns(), Ordering::Relaxed);
    }

    /// Notes this moment, unless one was noted before.
    pub(crate) fn note_first(&self) {
        if self.get().is_none() {
            self.note();
        }
    }

    /// Forgets the moment.
    pub(crate) fn clear(&self) {
        self.0.store(Self::NONE, Ordering::Relaxed);
    }

    /// The moment.
    pub(crate) fn get(&self) -> Option<Moment> {
        let ns = self.0.load(Ordering::Relaxed);
        (ns != Self::NONE).then_some(Moment(ns))
    }
}

/// A clock that a task can sleep by. Tests have one that costs no time.
pub(crate) trait SleepClock {
    /// Whether `deadline_ns` has come. Before the clock's zero, no deadline has.
    fn has_reached(&self, deadline_ns: u64) -> bool;

    /// Nanoseconds since zero; 0 before it.
    fn now_ns(&self) -> u64;

    /// Waits until `deadline_ns`; returns at once if that has passed. It may return early.
    fn sleep_until(&self, deadline_ns: u64) -> impl Future<Output = ()> + Send;

    /// Lets the thread look once at all else that it waits for, such as answers, without sleeping.
    fn spin(&self) -> impl Future<Output = ()> + Send;
}

/// A clock with a timer of the kernel, which wakes the same thread that waits for answers: one wake-up less for each
/// request than with a thread for the time alone. The timers of `tokio` count milliseconds, which is too coarse here.
#[derive(Debug)]
pub(crate) struct Timer {
    clock: Clock,
    timer: AsyncFd<OwnedFd>,
}

impl Timer {
    /// A timer for one task of the runtime that this is called in.
    ///
    /// # Errors
    /// The system gives no further file descriptor.
    #[expect(
        unsafe_code,
        reason = "tokio trusts the descriptor that it is given, and has no other way to wait for one"
    )]
    pub(crate) fn new(clock: Clock) -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        // SAFETY: an `OwnedFd` is open until it is dropped, and is the same descriptor all the time.
        let timer = unsafe { AsyncFd::register_with_interest(timer, Interest::READABLE) }?;
        Ok(Self { clock, timer })
    }
}

impl SleepClock for Timer {
    fn has_reached(&self, deadline_ns: u64) -> bool {
        monotonic_ns() >= self.clock.origin_ns.saturating_add_unsigned(deadline_ns)
    }

    fn now_ns(&self) -> u64 {
        self.clock.now_ns()
    }

    async fn sleep_until(&self, deadline_ns: u64) {
        let deadline = self.clock.origin_ns.saturating_add_unsigned(deadline_ns);
        let once = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec {
                tv_sec: deadline / NS_PER_S.cast_signed(),
                tv_nsec: deadline % NS_PER_S.cast_signed(),
            },
        };
        // The kernel refuses no valid time, and a runtime is there as long as its tasks. Should either fail, the caller
        // looks at the time again.
        if timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &once).is_ok()
            && let Ok(mut expired) = self.timer.readable().await
        {
            // Setting the timer again makes it unreadable. Reading it would be one more call of the system.
            expired.clear_ready();
        }
    }

    async fn spin(&self) {
        tokio::task::yield_now().await;
    }
}

/// The time of day.
#[expect(clippy::disallowed_methods, reason = "the one place of this crate that reads the time of day")]
pub(crate) fn wall_now() -> SystemTime {
    SystemTime::now()
}

/// What this process has taken of the processors so far, in nanoseconds: all of its threads, also those that ended.
pub(crate) fn own_processor_ns() -> u64 {
    let taken = clock_gettime(ClockId::ProcessCPUTime);
    u64::try_from(taken.tv_sec * NS_PER_S.cast_signed() + taken.tv_nsec).unwrap_or(0)
}

fn monotonic_ns() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * NS_PER_S.cast_signed() + now.tv_nsec
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_timer_is_never_early_and_zero_is_ahead() {
        let ahead = Timer::new(Clock::starting_in(Duration::from_secs(60))).unwrap();
        assert_eq!((ahead.now_ns(), ahead.has_reached(0)), (0, false));
        let clock = Clock::starting_in(Duration::from_millis(5));
        let timer = Timer::new(clock).unwrap();
        for deadline_ns in (1_000_000..10_000_000).step_by(1_000_000) {
            timer.sleep_until(deadline_ns).await;
            assert!(timer.now_ns() >= deadline_ns);
            assert!(clock.ns_at(Moment::now()) >= deadline_ns);
        }
        assert!(timer.has_reached(1_000_000) && !timer.has_reached(3_600_000_000_000));
        // A deadline that has passed is no reason to wait.
        timer.sleep_until(0).await;
    }

    #[test]
    fn a_clock_starts_at_a_time_of_day() {
        let ahead = Clock::starting_at(wall_now() + Duration::from_secs(60));
        assert!((59..=60).contains(&ahead.until_start().as_secs()), "{ahead:?}");
        let passed = Clock::starting_at(wall_now() - Duration::from_secs(60));
        assert!((60..62).contains(&(passed.now_ns() / NS_PER_S)), "{passed:?}");
        assert!(passed.wall_jump_ns().unsigned_abs() < NS_PER_S);
    }

    #[test]
    fn a_noted_moment_is_the_first_or_the_last() {
        let noted = NotedMoment::none();
        assert_eq!(noted.get(), None);
        noted.note_first();
        let first = noted.get();
        assert!(first.is_some_and(|moment| moment <= Moment::now()));
        noted.note_first();
        assert_eq!(noted.get(), first);
        noted.note();
        assert!(noted.get() >= first);
        noted.clear();
        assert_eq!(noted.get(), None);
    }

    #[test]
    fn a_wall_clock_that_is_set_during_a_run_is_noticed() {
        let mut clock = Clock::starting_in(Duration::from_secs(1));
        let second_ns = NS_PER_S.cast_signed();
        assert!(clock.wall_jump_ns().abs() < second_ns, "{}", clock.wall_jump_ns());
        clock.start += Duration::from_secs(100);
        assert!((-101 * second_ns..-99 * second_ns).contains(&clock.wall_jump_ns()));
        clock.start -= Duration::from_secs(200);
        assert!((99 * second_ns..101 * second_ns).contains(&clock.wall_jump_ns()));
    }
}
