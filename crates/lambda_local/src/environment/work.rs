//! What an environment has to do, and when: the requests that it serves, and the runtime's way back from its replies.
//! It knows no clock and does nothing itself.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::invocation::{Reply, Request};

/// How long after its reply a runtime is expected to ask for the next event. Meanwhile, a request waits for it rather
/// than for a new environment, so that a client that sends one request after the other causes one cold start.
pub(super) const SETTLE_GRACE: Duration = Duration::from_millis(50);
/// How often the memory of a working program is looked at, so that little of its peak is missed if the program dies.
const MEMORY_SAMPLE_INTERVAL: Duration = Duration::from_millis(100);

/// A request that is being served.
#[derive(Debug)]
pub(super) struct Serving {
    pub(super) request: Request,
    pub(super) reply_to: oneshot::Sender<Reply>,
    /// When the function's time began.
    pub(super) started: Instant,
    /// For how long the environment had been ready then; absent if it was initialised as part of the invocation.
    pub(super) age: Option<Duration>,
    /// Only of the first request of an environment.
    pub(super) init_duration: Option<Duration>,
}

/// Something that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Due {
    /// A request has taken too long, since `deadline`.
    TimedOut { request_id: String, deadline: Instant },
    /// The memory is to be looked at.
    SampleMemory,
    /// The runtime has not come back for a while.
    Lingers,
    /// The runtime has not come back for longer than a request may take.
    GaveUp,
    /// There was nothing to do for long enough.
    Idle,
}

/// The work of one environment.
#[derive(Debug)]
pub(super) struct Work {
    timeout: Duration,
    /// `None` if the environment is kept however long it has nothing to do.
    idle_timeout: Option<Duration>,
    serving: Vec<Serving>,
    /// The replies after which the runtime has not come back, the earliest first.
    away: VecDeque<Away>,
    /// How many times the runtime has not come back for longer than a request may take.
    lost: usize,
    idle_since: Instant,
    sampled: Instant,
}

#[derive(Debug)]
struct Away {
    since: Instant,
    lingers: bool,
}

impl Work {
    pub(super) fn new(now: Instant, timeout: Duration, idle_timeout: Option<Duration>) -> Self {
        let (serving, away) = (Vec::new(), VecDeque::new());
        Self { timeout, idle_timeout, serving, away, lost: 0, idle_since: now, sampled: now }
    }

    /// Whether none of the runtime's `slots` serves a request or may ask for one.
    pub(super) fn is_lost(&self, slots: usize) -> bool {
        !self.is_busy() && self.lost >= slots
    }

    /// Whether a request is being served.
    pub(super) fn is_busy(&self) -> bool {
        !self.serving.is_empty()
    }

    /// A request is served from now on.
    pub(super) fn add(&mut self, serving: Serving) {
        if !self.is_busy() {
            self.sampled = serving.started;
        }
        self.serving.push(serving);
    }

    /// A request is no longer served.
    pub(super) fn take(&mut self, request_id: &str) -> Option<Serving> {
        let position = self.serving.iter().position(|serving| serving.request.request_id == request_id)?;
        Some(self.serving.swap_remove(position))
    }

    /// No request is served any longer.
    pub(super) fn take_all(&mut self) -> Vec<Serving> {
        std::mem::take(&mut self.serving)
    }

    /// The runtime replied, or has initialised, and is expected to come back.
    pub(super) fn replied(&mut self, at: Instant) {
        self.away.push_back(Away { since: at, lingers: false });
    }

    /// The runtime asks for an event.
    pub(super) fn came_back(&mut self) {
        // Of several slots, the one that has just replied is most likely to be the one that comes back.
        if self.away.pop_back().is_none() {
            self.lost = self.lost.saturating_sub(1);
        }
    }

    /// The environment waits for work.
    pub(super) fn is_idle_since(&mut self, at: Instant) {
        self.idle_since = at;
    }

    /// When something is due next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let timeouts = self.serving.iter().map(|serving| serving.started + self.timeout);
        let sample = self.is_busy().then(|| self.sampled + MEMORY_SAMPLE_INTERVAL);
        let lingers = self.away.iter().find(|away| !away.lingers).map(|away| away.since + SETTLE_GRACE);
        let gives_up = self.away.front().map(|away| away.since + self.timeout);
        let rests = !self.is_busy() && self.away.is_empty();
        let idle = self.idle_timeout.filter(|_| rests).map(|timeout| self.idle_since + timeout);
        timeouts.chain([sample, lingers, gives_up, idle].into_iter().flatten()).min()
    }

    /// What is due at `now`, one thing at a time.
    pub(super) fn due(&mut self, now: Instant) -> Option<Due> {
        if let Some(late) = self.serving.iter().find(|serving| serving.started + self.timeout <= now) {
            let request_id = late.request.request_id.clone();
            return Some(Due::TimedOut { request_id, deadline: late.started + self.timeout });
        }
        if self.away.front().is_some_and(|away| away.since + self.timeout <= now) {
            self.away.pop_front();
            self.lost += 1;
            return Some(Due::GaveUp);
        }
        let late = |away: &&mut Away| !away.lingers && away.since + SETTLE_GRACE <= now;
        if let Some(away) = self.away.iter_mut().find(late) {
            away.lingers = true;
            return Some(Due::Lingers);
        }
        if self.is_busy() && self.sampled + MEMORY_SAMPLE_INTERVAL <= now {
            self.sampled = now;
            return Some(Due::SampleMemory);
        }
        let rests = !self.is_busy() && self.away.is_empty();
        let idle = rests && self.idle_timeout.is_some_and(|timeout| self.idle_since + timeout <= now);
        if idle {
            self.idle_since = now;
        }
        idle.then_some(Due::Idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(3);
    const IDLE: Duration = Duration::from_secs(60);

    fn serving(id: &str, started: Instant) -> Serving {
        let request = Request { request_id: id.to_owned(), ..Request::default() };
        Serving { request, reply_to: oneshot::channel().0, started, age: None, init_duration: None }
    }

    /// Everything that is due at `now`.
    fn all_due(work: &mut Work, now: Instant) -> Vec<Due> {
        std::iter::from_fn(|| {
            let due = work.due(now)?;
            if let Due::TimedOut { request_id, .. } = &due {
                work.take(request_id);
            }
            Some(due)
        })
        .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn everything_comes_in_its_time() {
        let began = Instant::now();
        let at = |ms| began + Duration::from_millis(ms);
        let mut work = Work::new(began, TIMEOUT, Some(IDLE));
        assert_eq!(work.next_due(), Some(began + IDLE));
        work.add(serving("a", began));
        assert_eq!(work.next_due(), Some(at(100)));
        assert_eq!(all_due(&mut work, at(99)), []);
        assert_eq!(all_due(&mut work, at(100)), [Due::SampleMemory]);
        assert_eq!(work.next_due(), Some(at(200)));
        work.add(serving("b", at(150)));
        assert!(work.take("a").is_some() && work.take("a").is_none());
        work.replied(at(160));
        assert_eq!(work.next_due(), Some(at(200)));
        assert_eq!(all_due(&mut work, at(210)), [Due::Lingers, Due::SampleMemory]);
        let timed_out = Due::TimedOut { request_id: "b".to_owned(), deadline: at(3150) };
        assert_eq!(all_due(&mut work, at(3159)), [timed_out]);
        assert_eq!(work.next_due(), Some(at(3160)));
        assert_eq!(all_due(&mut work, at(3160)), [Due::GaveUp]);
        work.is_idle_since(at(4000));
        assert_eq!(work.next_due(), Some(at(64_000)));
        assert_eq!(all_due(&mut work, at(64_000)), [Due::Idle]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_runtime_is_lost_if_no_slot_comes_back() {
        let began = Instant::now();
        let mut work = Work::new(began, TIMEOUT, None);
        work.replied(began);
        work.replied(began + TIMEOUT / 2);
        all_due(&mut work, began + TIMEOUT);
        assert!(work.is_lost(1) && !work.is_lost(2), "the other slot may still come back");
        all_due(&mut work, began + TIMEOUT * 2);
        assert!(work.is_lost(2));
        work.came_back();
        assert!(!work.is_lost(2), "it was only late");
        work.replied(began + TIMEOUT * 2);
        work.add(serving("a", began + TIMEOUT * 2));
        work.replied(began + TIMEOUT * 2 + SETTLE_GRACE);
        work.came_back();
        assert_eq!(work.away.len(), 1);
        all_due(&mut work, began + TIMEOUT * 3 - Duration::from_millis(1));
        assert!(!work.is_lost(1), "it serves a request");
    }

    #[tokio::test(start_paused = true)]
    async fn a_runtime_that_comes_back_does_not_linger() {
        let began = Instant::now();
        let mut work = Work::new(began, TIMEOUT, None);
        work.replied(began);
        assert_eq!(work.next_due(), Some(began + SETTLE_GRACE));
        work.came_back();
        assert_eq!(work.next_due(), None, "the environment is kept");
        assert_eq!(all_due(&mut work, began + IDLE * 100), []);
    }
}
