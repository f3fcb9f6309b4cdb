//! When environments are made fresh.

use std::time::Duration;

use crate::clock::Clock;

/// A time of the run from which on calls are to meet fresh environments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Boundary {
    /// The clock of the run.
    pub(crate) clock: Clock,
    /// The time, in nanoseconds since the start of the run.
    pub(crate) at_ns: u64,
    /// How long before it work may begin.
    pub(crate) most_ahead_ns: u64,
}

/// A restart that is complete. Times are nanoseconds since the start of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Renewed {
    /// When calls may have begun to meet fresh environments.
    pub(crate) begun_ns: u64,
    /// When calls met nothing else.
    pub(crate) done_ns: u64,
}

impl Boundary {
    /// Waits until so long before it, or until work may begin.
    pub(super) async fn wait_until_ahead(&self, ahead_ns: u64) {
        sleep_until(self.clock, self.at_ns.saturating_sub(ahead_ns.min(self.most_ahead_ns))).await;
    }
}

/// Waits until a time of the run, to the millisecond.
pub(crate) async fn sleep_until(clock: Clock, at_ns: u64) {
    loop {
        let left_ns = at_ns.saturating_sub(clock.now_ns());
        if left_ns == 0 && clock.until_start().is_zero() {
            return;
        }
        tokio::time::sleep(Duration::from_nanos(left_ns) + clock.until_start()).await;
    }
}
