//! The one door for the time of day and the time since the machine was started.
//!
//! What waits or measures uses `tokio::time::Instant` instead, which tests can pause.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

/// The time of day.
#[expect(clippy::disallowed_methods, reason = "this is the crate's clock")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// The seconds from the start of 1970 until now.
pub(crate) fn epoch_seconds() -> u64 {
    now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The nanoseconds from the start of 1970 until now.
pub(crate) fn epoch_ns() -> u64 {
    let since = now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// The nanoseconds of a clock that nobody sets.
pub(crate) fn monotonic_ns() -> u64 {
    let since = Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// The milliseconds from the start of 1970 until the moment that is `after` from now.
pub(crate) fn epoch_ms(after: Duration) -> u64 {
    let since = (now() + after).duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// How long ago `time` was; zero if it is still to come.
pub(crate) fn age(time: SystemTime) -> Duration {
    now().duration_since(time).unwrap_or_default()
}

/// The time of the monotonic clock, which all processes of this machine share.
pub(crate) fn monotonic() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default()
}

/// The moment at which the monotonic clock showed `time`, which has passed.
pub(crate) fn instant(time: Duration) -> Instant {
    let now = Instant::now();
    now.checked_sub(monotonic().saturating_sub(time)).unwrap_or(now)
}

/// How long the machine has been running, including the time it was suspended.
pub(crate) fn since_boot() -> Option<Duration> {
    Duration::try_from(clock_gettime(ClockId::Boottime)).ok()
}
