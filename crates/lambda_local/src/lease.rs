//! The place of each environment in the pool: a lease. An environment gets its invocations through its lease, and says
//! through it when it is idle and when it ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc};

use crate::invocation::{Invocation, Throttled};
use crate::pool::{Decision, EnvironmentId, Pool};

/// The leases of all environments.
#[derive(Debug)]
pub(crate) struct Leases {
    state: Mutex<State>,
    /// Notified when an environment has become idle or has ended, for events that wait for room.
    released: Notify,
}

#[derive(Debug)]
struct State {
    pool: Pool,
    inboxes: HashMap<EnvironmentId, mpsc::Sender<Invocation>>,
}

impl Leases {
    /// No leases yet. At most `limit` requests are served at a time over all `functions`.
    pub(crate) fn new(functions: usize, limit: usize) -> Arc<Self> {
        let state = State { pool: Pool::new(functions, limit), inboxes: HashMap::new() };
        Arc::new(Self { state: Mutex::new(state), released: Notify::new() })
    }

    /// Gives the invocation to an idle environment, or else to a new one, whose lease is returned.
    ///
    /// # Errors
    /// If as many requests are being served as may be.
    pub(crate) fn assign(
        self: &Arc<Self>,
        function: usize,
        invocation: Invocation,
    ) -> Result<Option<Lease>, Throttled> {
        let mut state = self.state();
        let (id, lease) = match state.pool.acquire(function) {
            Decision::Throttle => return Err(Throttled::Concurrency),
            Decision::Reuse(id) => (id, None),
            Decision::Start(id) => {
                let (sender, inbox) = mpsc::channel(1);
                state.inboxes.insert(id, sender);
                (id, Some(Lease { leases: Arc::clone(self), function, id, inbox, ended: false }))
            }
        };
        // An environment has at most one request, so its inbox is empty. It is closed only when the server stops.
        if let Some(inbox) = state.inboxes.get(&id) {
            let _ = inbox.try_send(invocation);
        }
        Ok(lease)
    }

    /// Returns when an environment has become idle or has ended since the last call.
    pub(crate) async fn released(&self) {
        self.released.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is consistent at every point that could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one environment, which is busy at first. Dropping the lease ends it, so no panic can lose a place.
#[derive(Debug)]
pub(crate) struct Lease {
    leases: Arc<Leases>,
    function: usize,
    id: EnvironmentId,
    inbox: mpsc::Receiver<Invocation>,
    ended: bool,
}

impl Lease {
    pub(crate) fn id(&self) -> EnvironmentId {
        self.id
    }

    /// Waits for the next invocation; `None` once the lease has ended. May be cancelled.
    pub(crate) async fn invocation(&mut self) -> Option<Invocation> {
        self.inbox.recv().await
    }

    /// The environment is idle: it can serve another request.
    pub(crate) fn release(&self) {
        self.leases.state().pool.release(self.function, self.id);
        self.leases.released.notify_one();
    }

    /// The environment ends while it is busy.
    pub(crate) fn end_busy(&mut self) {
        let mut state = self.leases.state();
        state.pool.end_busy();
        state.inboxes.remove(&self.id);
        drop(state);
        self.ended = true;
        self.leases.released.notify_one();
    }

    /// The environment wants to end because it is idle. False if an invocation is on its way, which it has to serve.
    pub(crate) fn end_idle(&mut self) -> bool {
        let mut state = self.leases.state();
        if state.pool.end_idle(self.function, self.id) {
            state.inboxes.remove(&self.id);
            self.ended = true;
        }
        self.ended
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.ended && !self.end_idle() {
            self.end_busy();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::sync::oneshot;

    use super::*;
    use crate::invocation::{Reply, Request};

    fn invocation() -> (Invocation, oneshot::Receiver<Reply>) {
        let (reply_to, reply) = oneshot::channel();
        (Invocation { request: Request::default(), reply_to }, reply)
    }

    fn assign(leases: &Arc<Leases>) -> Result<Option<Lease>, Throttled> {
        leases.assign(0, invocation().0)
    }

    #[tokio::test]
    async fn an_idle_environment_gets_the_next_invocation() {
        let leases = Leases::new(1, 1);
        let mut lease = assign(&leases).unwrap().expect("a new environment");
        assert!(lease.invocation().await.is_some());
        assert_eq!(assign(&leases).unwrap_err(), Throttled::Concurrency);
        lease.release();
        leases.released().await;
        assert!(assign(&leases).unwrap().is_none(), "the idle environment is used again");
        assert!(!lease.end_idle(), "an invocation is on its way");
        assert!(lease.invocation().await.is_some());
        lease.release();
        assert!(lease.end_idle());
        assert!(lease.invocation().await.is_none());
        assert!(assign(&leases).unwrap().is_some());
    }

    #[tokio::test]
    async fn a_lease_that_is_dropped_makes_room_and_loses_its_invocation() {
        let leases = Leases::new(1, 1);
        let (invocation, reply) = invocation();
        drop(leases.assign(0, invocation).unwrap());
        reply.await.unwrap_err();
        leases.released().await;
        assert!(assign(&leases).unwrap().is_some());
    }

    proptest! {
        /// However leases end, as many requests as the limit allows can be served afterwards, and not one more.
        #[test]
        fn every_lease_ends_once(endings in prop::collection::vec(0..6u8, 0..40)) {
            let leases = Leases::new(1, 1);
            for ending in endings {
                let Ok(Some(mut lease)) = assign(&leases) else { panic!("the limit was not given back") };
                prop_assert_eq!(assign(&leases).unwrap_err(), Throttled::Concurrency);
                match ending {
                    0 => lease.end_busy(),
                    1 => lease.release(),
                    2 => {
                        lease.release();
                        prop_assert!(lease.end_idle());
                    }
                    3 => {
                        lease.release();
                        prop_assert!(assign(&leases).unwrap().is_none());
                    }
                    4 => prop_assert!(!lease.end_idle()),
                    _ => {}
                }
            }
        }
    }
}
