//! The rate at which a function may get new environments.

use std::collections::VecDeque;

/// How many environments a function may start within a period, as on Lambda.
pub(super) const STARTS_PER_PERIOD: usize = 1000;
/// That period, in nanoseconds.
pub(super) const PERIOD_NS: u64 = 10_000_000_000;

/// When the environments of the last period were started.
#[derive(Debug, Default)]
pub(super) struct StartRate {
    starts: VecDeque<u64>,
}

impl StartRate {
    /// When the next environment may be started: at `now`, or later.
    pub(super) fn next_at(&self, now: u64) -> u64 {
        match self.starts.len().checked_sub(STARTS_PER_PERIOD) {
            Some(first) => (self.starts[first] + PERIOD_NS).max(now),
            None => now,
        }
    }

    /// An environment is started.
    pub(super) fn record(&mut self, now: u64) {
        while self.starts.front().is_some_and(|start| start + PERIOD_NS <= now) {
            self.starts.pop_front();
        }
        self.starts.push_back(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_period_has_more_starts_than_allowed() {
        let mut rate = StartRate::default();
        for start in 0..1000 {
            assert_eq!(rate.next_at(start), start);
            rate.record(start);
        }
        assert_eq!(rate.next_at(1000), PERIOD_NS);
        assert_eq!(rate.next_at(PERIOD_NS), PERIOD_NS);
        rate.record(PERIOD_NS);
        assert_eq!(rate.next_at(PERIOD_NS), PERIOD_NS + 1);
        assert_eq!(rate.starts.len(), STARTS_PER_PERIOD);
    }
}
