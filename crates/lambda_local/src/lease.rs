//! The place of each environment in the pool: a lease. An environment gets its invocations through its lease, and says
//! through it what it is doing.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use crate::invocation::{Invocation, Throttled};
use crate::pool::{Action, EnvironmentId, Limits, Pool, Ticket};

/// What starts an environment for a new lease.
pub(crate) type Launch = Box<dyn Fn(Lease) + Send + Sync>;

/// The leases of all environments, and the requests that wait for one.
pub(crate) struct Leases {
    state: Mutex<State>,
    launch: Launch,
    /// The pool's times count from here.
    began: Instant,
    /// Notified when there may be room in the account.
    account: Notify,
    /// Notified when there may be room in a function.
    functions: Vec<Notify>,
}

#[derive(Debug)]
struct State {
    pool: Pool,
    inboxes: HashMap<EnvironmentId, mpsc::UnboundedSender<Order>>,
    waiting: HashMap<Ticket, Invocation>,
    /// What the pool decided and nobody has done yet.
    todo: VecDeque<Action>,
    /// Whether somebody works on `todo`.
    working: bool,
    /// When the pool is asked again without a cause.
    alarm: Option<u64>,
    stopped: bool,
}

/// What an environment is told.
#[derive(Debug)]
enum Order {
    Serve(Ticket, Invocation),
    End,
}

impl fmt::Debug for Leases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leases").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Leases {
    /// No leases yet. `slots` says for each function how many requests an environment serves at a time. `launch` is
    /// called for each new lease.
    pub(crate) fn new(slots: &[usize], limits: Limits, launch: Launch) -> Arc<Self> {
        let state = State {
            pool: Pool::new(slots, limits),
            inboxes: HashMap::new(),
            waiting: HashMap::new(),
            todo: VecDeque::new(),
            working: false,
            alarm: None,
            stopped: false,
        };
        Arc::new(Self {
            state: Mutex::new(state),
            launch,
            began: Instant::now(),
            account: Notify::new(),
            functions: slots.iter().map(|_| Notify::new()).collect(),
        })
    }

    /// Gives the invocation to an environment, now or when one is free.
    ///
    /// # Errors
    /// If there is no room for it.
    pub(crate) fn assign(
        self: &Arc<Self>,
        function: usize,
        invocation: Invocation,
    ) -> Result<Ticket, Throttled> {
        let mut state = self.state();
        if state.stopped {
            // The reply says so, because nobody holds its other end any more.
            return Ok(Ticket(0));
        }
        let bytes = invocation.request.bytes();
        let (ticket, actions) = state.pool.arrive(self.now(), function, bytes)?;
        state.waiting.insert(ticket, invocation);
        self.carry_out(state, actions);
        Ok(ticket)
    }

    /// The client of a request has left. A request that waits is dropped, one that is being served is served.
    pub(crate) fn leave(&self, function: usize, ticket: Ticket) {
        let mut state = self.state();
        if state.pool.leave(function, ticket) {
            let invocation = state.waiting.remove(&ticket);
            drop(state);
            drop(invocation);
            self.notify(function);
        }
    }

    /// Returns when there may be room for a request that was throttled.
    pub(crate) async fn room(&self, function: usize, throttled: Throttled) {
        match throttled {
            Throttled::Concurrency | Throttled::QueueMemory | Throttled::EventQueue => {
                self.account.notified().await;
            }
            Throttled::ReservedConcurrency => {
                // If the account has room, it is for others.
                self.account.notify_one();
                self.functions[function].notified().await;
            }
            Throttled::StartRate { wait_ns } => {
                self.account.notify_one();
                let wait = tokio::time::sleep(Duration::from_nanos(wait_ns));
                tokio::select! {
                    () = self.functions[function].notified() => {}
                    () = wait => {}
                }
            }
        }
    }

    /// No request waits any longer, and none is given to an environment.
    pub(crate) fn stop(&self) {
        let mut state = self.state();
        state.stopped = true;
        state.todo.clear();
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        drop(waiting);
    }

    /// Sets how many requests of the function may be under way. That share of the account is its own.
    pub(crate) fn set_reserved(self: &Arc<Self>, function: usize, limit: Option<usize>) {
        self.change(|pool, now| pool.set_reserved(now, function, limit));
        self.functions.iter().for_each(Notify::notify_one);
        self.account.notify_one();
    }

    /// Sets how many environments of the function are kept ready. The function may always use as many.
    pub(crate) fn set_provisioned(self: &Arc<Self>, function: usize, count: usize) {
        self.change(|pool, now| pool.set_provisioned(now, function, count));
        self.functions.iter().for_each(Notify::notify_one);
        self.account.notify_one();
    }

    /// How many provisioned environments of the function have initialised.
    pub(crate) fn provisioned(&self, function: usize) -> usize {
        self.state().pool.provisioned(function)
    }

    /// Ends the environments of the function: those that serve nothing now, the others after their replies.
    pub(crate) fn replace(self: &Arc<Self>, function: usize) {
        self.change(|pool, now| pool.replace(now, function));
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is consistent at every point that could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn notify(&self, function: usize) {
        self.functions[function].notify_one();
        self.account.notify_one();
    }

    fn change(self: &Arc<Self>, change: impl FnOnce(&mut Pool, u64) -> Vec<Action>) {
        let mut state = self.state();
        let actions = change(&mut state.pool, self.now());
        self.carry_out(state, actions);
    }

    /// Does what the pool decided. An environment that cannot be launched drops its lease at once, which brings us here
    /// again: whoever works on the list does that, too.
    fn carry_out<'a>(self: &'a Arc<Self>, mut state: MutexGuard<'a, State>, actions: Vec<Action>) {
        if state.stopped {
            return;
        }
        state.todo.extend(actions);
        if std::mem::replace(&mut state.working, true) {
            return;
        }
        while let Some(action) = state.todo.pop_front() {
            match action {
                Action::Serve(id, ticket) => {
                    if let Some(invocation) = state.waiting.remove(&ticket) {
                        state.order(id, Order::Serve(ticket, invocation));
                    }
                }
                Action::End(id) => state.order(id, Order::End),
                Action::Start { id, function, provisioned } => {
                    let (sender, inbox) = mpsc::unbounded_channel();
                    state.inboxes.insert(id, sender);
                    drop(state);
                    let leases = Arc::clone(self);
                    (self.launch)(Lease { leases, function, id, provisioned, inbox, ended: false });
                    state = self.state();
                }
            }
        }
        state.working = false;
        self.set_alarm(&mut state);
    }

    /// Asks the pool again at the time when it can start what it may not start now.
    fn set_alarm(self: &Arc<Self>, state: &mut State) {
        let Some(at) = state.pool.next_start_at(self.now()) else { return };
        let Ok(runtime) = Handle::try_current() else { return };
        if state.alarm.is_some_and(|alarm| alarm <= at) {
            return;
        }
        state.alarm = Some(at);
        let (leases, at) = (Arc::downgrade(self), self.began + Duration::from_nanos(at));
        runtime.spawn(async move {
            tokio::time::sleep_until(at).await;
            let Some(leases) = leases.upgrade() else { return };
            let mut state = leases.state();
            state.alarm = None;
            let actions = state.pool.starts(leases.now());
            leases.carry_out(state, actions);
        });
    }
}

impl State {
    /// The requests that are on their way to the environment. None if the server stops, which loses them.
    fn withdraw(
        &mut self,
        id: EnvironmentId,
        inbox: &mut mpsc::UnboundedReceiver<Order>,
    ) -> Vec<(Ticket, Invocation)> {
        let mut unseen = Vec::new();
        while let Ok(order) = inbox.try_recv() {
            if let Order::Serve(ticket, invocation) = order {
                unseen.push((ticket, invocation));
            }
        }
        let waiting = &mut self.waiting;
        self.todo.retain(|action| match action {
            Action::Serve(to, ticket) if *to == id => {
                unseen.extend(waiting.remove(ticket).map(|invocation| (*ticket, invocation)));
                false
            }
            _ => true,
        });
        if self.stopped { Vec::new() } else { unseen }
    }

    fn order(&self, id: EnvironmentId, order: Order) {
        // An environment that is gone has no inbox. It has given its invocations back.
        if let Some(inbox) = self.inboxes.get(&id) {
            let _ = inbox.send(order);
        }
    }
}

/// The place of one environment, which initialises at first. Dropping the lease ends it, so no panic can lose a place.
#[derive(Debug)]
pub(crate) struct Lease {
    leases: Arc<Leases>,
    function: usize,
    id: EnvironmentId,
    provisioned: bool,
    inbox: mpsc::UnboundedReceiver<Order>,
    ended: bool,
}

impl Lease {
    pub(crate) fn id(&self) -> EnvironmentId {
        self.id
    }

    /// The number of the function.
    pub(crate) fn function(&self) -> usize {
        self.function
    }

    /// Whether the environment was started ahead of requests, and is kept.
    pub(crate) fn is_provisioned(&self) -> bool {
        self.provisioned
    }

    /// Waits for the next invocation; `None` if the environment is to end. May be cancelled.
    pub(crate) async fn invocation(&mut self) -> Option<Invocation> {
        match self.inbox.recv().await {
            Some(Order::Serve(_, invocation)) => Some(invocation),
            Some(Order::End) | None => None,
        }
    }

    /// The runtime waits for an event, for the first time or after a reply.
    pub(crate) fn ready(&self) {
        self.leases.change(|pool, now| pool.ready(now, self.id));
        self.leases.notify(self.function);
    }

    /// The environment could not initialise. The request that waits longest, if one waits, is to be told.
    pub(crate) fn adopt(&self) -> Option<Invocation> {
        let mut state = self.leases.state();
        let ticket = state.pool.adopt(self.id)?;
        state.waiting.remove(&ticket)
    }

    /// The environment has initialised, and serves the request that it adopted.
    pub(crate) fn initialised(&self) {
        self.leases.change(|pool, now| pool.initialised(now, self.id));
    }

    /// A request has been served. To be called before the client can know.
    pub(crate) fn finished(&self) {
        self.leases.change(|pool, _| pool.finished(self.id));
        self.leases.notify(self.function);
    }

    /// The runtime does something else after its reply.
    pub(crate) fn lingers(&self) {
        self.leases.change(|pool, now| pool.lingers(now, self.id));
    }

    /// The environment is to get no further requests. It is told to end once it serves none.
    pub(crate) fn retire(&self) {
        self.leases.change(|pool, now| pool.retire(now, self.id));
    }

    /// The environment ends. What it serves, it has replied to, or is about to. Another environment serves the requests
    /// that are on their way to this one. Returns those for which that has happened before: if the program always ends
    /// at this moment, they must not start one environment after the other.
    pub(crate) fn end(&mut self) -> Vec<Invocation> {
        if std::mem::replace(&mut self.ended, true) {
            return Vec::new();
        }
        let mut state = self.leases.state();
        state.inboxes.remove(&self.id);
        let (again, mut unseen): (Vec<_>, Vec<_>) = state
            .withdraw(self.id, &mut self.inbox)
            .into_iter()
            .partition(|(_, invocation)| invocation.given_back);
        // Nobody waits for the others.
        unseen.retain(|(_, invocation)| !invocation.reply_to.is_closed());
        let sizes: Vec<_> =
            unseen.iter().map(|(ticket, invocation)| (*ticket, invocation.request.bytes())).collect();
        let unseen = unseen
            .into_iter()
            .map(|(ticket, invocation)| (ticket, Invocation { given_back: true, ..invocation }));
        state.waiting.extend(unseen);
        let actions = state.pool.end(self.leases.now(), self.id, &sizes);
        self.leases.carry_out(state, actions);
        self.leases.notify(self.function);
        again.into_iter().map(|(_, invocation)| invocation).collect()
    }

    /// The environment wants to end because it is idle. False if an invocation is on its way, which it has to serve.
    pub(crate) fn end_idle(&mut self) -> bool {
        let mut state = self.leases.state();
        let Some(actions) = state.pool.end_idle(self.leases.now(), self.id) else { return false };
        state.inboxes.remove(&self.id);
        self.ended = true;
        self.leases.carry_out(state, actions);
        true
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.ended && self.leases.state().pool.is_initialising(self.id) {
            // The request that waited for this environment is lost with it. Otherwise, an environment that is always
            // lost would be started again and again.
            drop(self.adopt());
        }
        drop(self.end());
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use proptest::prelude::*;
    use tokio::sync::oneshot;

    use super::*;
    use crate::invocation::{Reply, Request};

    const LIMITS: Limits = Limits { concurrency: 1, initialising: 1, waiting_bytes: 1 << 20 };

    /// Leases, and those that were launched.
    fn leases(limits: Limits) -> (Arc<Leases>, mpsc::UnboundedReceiver<Lease>) {
        let (sender, launched) = mpsc::unbounded_channel();
        let launch = Box::new(move |lease| _ = sender.send(lease));
        (Leases::new(&[1], limits, launch), launched)
    }

    fn assign(leases: &Arc<Leases>) -> Result<(Ticket, oneshot::Receiver<Reply>), Throttled> {
        let (reply_to, reply) = oneshot::channel();
        let ticket = leases.assign(0, Invocation::new(Request::default(), reply_to))?;
        Ok((ticket, reply))
    }

    #[tokio::test]
    async fn an_idle_environment_gets_the_next_invocation() {
        let (leases, mut launched) = leases(LIMITS);
        let _first = assign(&leases).unwrap();
        let mut lease = launched.try_recv().expect("a new environment");
        lease.ready();
        assert!(lease.invocation().await.is_some());
        assert_eq!(assign(&leases).unwrap_err(), Throttled::Concurrency);
        lease.finished();
        leases.room(0, Throttled::Concurrency).await;
        lease.ready();
        let _second = assign(&leases).unwrap();
        assert!(!lease.end_idle(), "an invocation is on its way");
        assert!(lease.invocation().await.is_some());
        lease.finished();
        assert!(lease.end_idle());
        assert!(lease.invocation().await.is_none());
        let _third = assign(&leases).unwrap();
        assert!(launched.try_recv().is_ok());
    }

    #[tokio::test]
    async fn a_lease_that_is_lost_makes_room_and_loses_the_request_that_waited_for_it() {
        let (leases, mut launched) = leases(Limits { concurrency: 2, ..LIMITS });
        let (_, first) = assign(&leases).unwrap();
        let (_, mut second) = assign(&leases).unwrap();
        drop(launched.try_recv().unwrap());
        first.await.unwrap_err();
        second.try_recv().unwrap_err();
        let mut lease = launched.try_recv().expect("an environment for the second request");
        lease.ready();
        assert!(lease.invocation().await.is_some());
        drop(lease);
        leases.room(0, Throttled::Concurrency).await;
        let _third = assign(&leases).unwrap();
        assert!(launched.try_recv().is_ok());
    }

    #[tokio::test]
    async fn a_request_that_no_runtime_saw_is_served_by_another_environment() {
        let (leases, mut launched) = leases(LIMITS);
        let _reply = assign(&leases).unwrap();
        let mut lease = launched.try_recv().unwrap();
        lease.ready();
        assert!(lease.end().is_empty());
        assert_eq!(assign(&leases).unwrap_err(), Throttled::Concurrency, "it still counts");
        let mut second = launched.try_recv().expect("an environment for the request");
        second.ready();
        assert_eq!(second.end().len(), 1, "a program that always ends then is not started for ever");
        assert!(launched.try_recv().is_err());
        assert!(assign(&leases).is_ok());
    }

    #[tokio::test]
    async fn a_request_that_no_runtime_saw_and_whose_client_left_is_dropped() {
        let (leases, mut launched) = leases(LIMITS);
        drop(assign(&leases).unwrap());
        let mut lease = launched.try_recv().unwrap();
        lease.ready();
        assert!(lease.end().is_empty());
        assert!(launched.try_recv().is_err());
        assert!(assign(&leases).is_ok(), "its place is free");
    }

    #[tokio::test]
    async fn environments_that_cannot_be_launched_lose_all_requests_that_wait() {
        let limits = Limits { concurrency: 10_000, ..LIMITS };
        let kept = Arc::new(Mutex::new(Some(Vec::new())));
        let keep = Arc::clone(&kept);
        let leases = Leases::new(
            &[1],
            limits,
            Box::new(move |lease| {
                if let Some(kept) = keep.lock().unwrap().as_mut() {
                    kept.push(lease);
                }
            }),
        );
        let replies: Vec<_> = (0..900).map(|_| assign(&leases).unwrap().1).collect();
        let lease = kept.lock().unwrap().take();
        drop(lease);
        for reply in replies {
            reply.await.unwrap_err();
        }
    }

    #[tokio::test]
    async fn a_client_that_leaves_while_it_waits_is_dropped_from_the_queue() {
        let (leases, mut launched) = leases(Limits { concurrency: 2, ..LIMITS });
        let (first, gone) = assign(&leases).unwrap();
        let (_, _second) = assign(&leases).unwrap();
        assert_eq!(assign(&leases).unwrap_err(), Throttled::Concurrency);
        leases.leave(0, first);
        gone.await.unwrap_err();
        leases.room(0, Throttled::Concurrency).await;
        let (_, third) = assign(&leases).unwrap();
        let mut lease = launched.try_recv().unwrap();
        lease.ready();
        assert!(lease.invocation().await.is_some(), "the second one is served");
        leases.stop();
        third.await.unwrap_err();
        assign(&leases).unwrap().1.await.unwrap_err();
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_rate_forbids_is_started_when_it_allows_it() {
        let (leases, mut launched) = leases(Limits { concurrency: 2000, initialising: 2000, ..LIMITS });
        let _replies: Vec<_> = (0..1000).map(|_| assign(&leases).unwrap()).collect();
        let began = Instant::now();
        let mut started: Vec<_> = (0..1000).map(|_| launched.try_recv().unwrap()).collect();
        let Err(Throttled::StartRate { wait_ns }) = assign(&leases) else { panic!("not throttled") };
        assert_eq!(Duration::from_nanos(wait_ns), Duration::from_secs(10));
        // Those that have a request to tell of their failure do so. The others leave their requests waiting.
        let mut retired = started.pop().unwrap();
        drop(retired.end());
        started.push(launched.recv().await.unwrap());
        assert_eq!(began.elapsed().as_secs(), 10);
    }

    proptest! {
        /// However leases end, as many requests as the limit allows can be served afterwards, and not one more.
        #[test]
        fn every_lease_ends_once(endings in prop::collection::vec(0..6u8, 0..40)) {
            let (leases, mut launched) = leases(LIMITS);
            for ending in endings {
                let Ok((_, _reply)) = assign(&leases) else { panic!("the limit was not given back") };
                let mut lease = launched.try_recv().expect("a new environment");
                prop_assert_eq!(assign(&leases).unwrap_err(), Throttled::Concurrency);
                if ending > 0 {
                    lease.ready();
                    prop_assert!(lease.invocation().now_or_never().is_some());
                }
                match ending {
                    1 => drop(lease.end()),
                    2 => lease.finished(),
                    3 => {
                        lease.finished();
                        prop_assert!(lease.end_idle());
                    }
                    4 => prop_assert!(!lease.end_idle()),
                    _ => {}
                }
            }
        }
    }
}
