//! Decides for every request whether an idle environment serves it, a new one is started, or it is refused.
//!
//! A pure state machine: it knows no clock, no process and no network.

/// The name of an environment. No two environments have the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct EnvironmentId(pub(crate) u64);

/// What to do with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// This idle environment serves it.
    Reuse(EnvironmentId),
    /// A new environment, with this name, is started for it: a cold start.
    Start(EnvironmentId),
    /// Too many requests are being served already.
    Throttle,
}

/// The environments of all functions, each idle or busy with one request.
#[derive(Debug)]
pub(crate) struct Pool {
    /// Idle environments by function. The one that was used last is at the end and is used next, so that the others
    /// stay idle and end.
    idle: Vec<Vec<EnvironmentId>>,
    busy: usize,
    limit: usize,
    started: u64,
}

impl Pool {
    /// A pool without environments that serves at most `limit` requests at a time over all `functions`.
    pub(crate) fn new(functions: usize, limit: usize) -> Self {
        Self { idle: vec![Vec::new(); functions], busy: 0, limit, started: 0 }
    }

    /// Finds an environment of `function` for one request.
    pub(crate) fn acquire(&mut self, function: usize) -> Decision {
        if self.busy >= self.limit {
            return Decision::Throttle;
        }
        self.busy += 1;
        if let Some(id) = self.idle[function].pop() {
            return Decision::Reuse(id);
        }
        self.started += 1;
        Decision::Start(EnvironmentId(self.started))
    }

    /// A busy environment has served its request and can serve another.
    pub(crate) fn release(&mut self, function: usize, id: EnvironmentId) {
        self.busy -= 1;
        self.idle[function].push(id);
    }

    /// A busy environment has ended.
    pub(crate) fn end_busy(&mut self) {
        self.busy -= 1;
    }

    /// An environment that is idle as far as it knows wants to end. False if a request has been given to it in the
    /// meantime, which it has to serve.
    pub(crate) fn end_idle(&mut self, function: usize, id: EnvironmentId) -> bool {
        let idle = &mut self.idle[function];
        let position = idle.iter().position(|other| *other == id);
        position.map(|position| idle.remove(position)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_environment_used_last_is_reused_first() {
        let mut pool = Pool::new(1, 10);
        let (a, b) = (EnvironmentId(1), EnvironmentId(2));
        assert_eq!(pool.acquire(0), Decision::Start(a));
        assert_eq!(pool.acquire(0), Decision::Start(b));
        pool.release(0, b);
        pool.release(0, a);
        assert_eq!(pool.acquire(0), Decision::Reuse(a));
        assert_eq!(pool.acquire(0), Decision::Reuse(b));
    }

    #[test]
    fn functions_share_the_limit_but_not_the_environments() {
        let mut pool = Pool::new(2, 1);
        assert_eq!(pool.acquire(0), Decision::Start(EnvironmentId(1)));
        assert_eq!(pool.acquire(1), Decision::Throttle);
        pool.release(0, EnvironmentId(1));
        assert_eq!(pool.acquire(1), Decision::Start(EnvironmentId(2)));
    }

    #[test]
    fn an_environment_that_was_given_a_request_cannot_end_as_idle() {
        let mut pool = Pool::new(1, 1);
        let id = EnvironmentId(1);
        pool.acquire(0);
        pool.release(0, id);
        assert_eq!(pool.acquire(0), Decision::Reuse(id));
        assert!(!pool.end_idle(0, id));
        pool.release(0, id);
        assert!(pool.end_idle(0, id));
        assert_eq!(pool.acquire(0), Decision::Start(EnvironmentId(2)));
    }

    proptest! {
        /// Whatever happens, no environment serves two requests at a time and the limit holds.
        #[test]
        fn one_request_at_a_time(steps in prop::collection::vec((0..4u8, 0..3usize, 0..8usize), 0..200)) {
            let mut pool = Pool::new(3, 5);
            let mut busy: BTreeSet<(usize, EnvironmentId)> = BTreeSet::new();
            let mut idle: BTreeSet<(usize, EnvironmentId)> = BTreeSet::new();
            for (step, function, choice) in steps {
                let chosen = busy.iter().nth(choice).copied();
                match (step, chosen) {
                    (0, _) => match pool.acquire(function) {
                        Decision::Reuse(id) => {
                            prop_assert!(idle.remove(&(function, id)));
                            prop_assert!(busy.insert((function, id)));
                        }
                        Decision::Start(id) => {
                            prop_assert!(!idle.iter().any(|(other, _)| *other == function));
                            prop_assert!(busy.insert((function, id)));
                        }
                        Decision::Throttle => prop_assert_eq!(busy.len(), 5),
                    },
                    (1, Some((function, id))) => {
                        pool.release(function, id);
                        busy.remove(&(function, id));
                        idle.insert((function, id));
                    }
                    (2, Some((function, id))) => {
                        pool.end_busy();
                        busy.remove(&(function, id));
                    }
                    (3, _) => {
                        if let Some((function, id)) = idle.iter().nth(choice).copied() {
                            prop_assert!(pool.end_idle(function, id));
                            idle.remove(&(function, id));
                        }
                    }
                    _ => {}
                }
                prop_assert!(busy.len() <= 5);
            }
        }
    }
}
