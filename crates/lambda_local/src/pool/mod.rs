//! Decides which environment serves which request, when a new environment is started, and what is refused.
//!
//! A pure state machine: it knows no clock, no process and no network. Each method that may change what is to be done
//! returns [`Action`]s. Times are nanoseconds since any moment in the past, and never go back.
//!
//! Every function has a queue. A request that finds a ready slot is served at once. Otherwise it waits, and the slot that
//! becomes ready first serves the request that waits longest: an environment is not tied to the request that it was
//! started for. An environment is started only if more requests wait than slots are about to become ready.

mod function;
mod names;
mod slots;
mod start_rate;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use self::function::Function;
pub(crate) use self::names::{EnvironmentId, Ticket};
use self::slots::{Slot, Slots};
use crate::invocation::Throttled;

/// Something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// This environment serves this request now.
    Serve(EnvironmentId, Ticket),
    /// A new environment, with this name, is started.
    Start { id: EnvironmentId, function: usize, provisioned: bool },
    /// This environment serves nothing, and is to end.
    End(EnvironmentId),
}

/// What bounds the pool.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How many requests may be under way over all functions.
    pub(crate) concurrency: usize,
    /// How many environments may initialise at a time.
    pub(crate) initialising: usize,
    /// How many bytes the requests that wait may have together.
    pub(crate) waiting_bytes: usize,
}

/// The environments of all functions, and the requests that wait.
#[derive(Debug)]
pub(crate) struct Pool {
    limits: Limits,
    functions: Vec<Function>,
    environments: HashMap<EnvironmentId, Environment>,
    /// How many environments initialise.
    initialising: usize,
    waiting_bytes: usize,
    last_environment: u64,
    last_ticket: u64,
}

#[derive(Debug)]
struct Environment {
    function: usize,
    provisioned: bool,
    initialising: bool,
    /// It gets no further requests.
    retiring: bool,
    /// It has served a request.
    served: bool,
    slots: Slots,
}

/// Requests.
impl Pool {
    /// A pool without environments. `slots` says for each function how many requests an environment serves at a time.
    pub(crate) fn new(slots: &[usize], limits: Limits) -> Self {
        Self {
            limits,
            functions: slots.iter().map(|slots| Function::new((*slots).max(1))).collect(),
            environments: HashMap::new(),
            initialising: 0,
            waiting_bytes: 0,
            last_environment: 0,
            last_ticket: 0,
        }
    }

    /// A request of this size arrives.
    ///
    /// # Errors
    /// If there is no room for it.
    pub(crate) fn arrive(
        &mut self,
        now: u64,
        function: usize,
        bytes: usize,
    ) -> Result<(Ticket, Vec<Action>), Throttled> {
        self.admit(function)?;
        let ticket = Ticket(self.last_ticket + 1);
        let actions = match self.functions[function].take_ready() {
            Some(id) => {
                self.shift(id, Some(Slot::Ready), Some(Slot::Serving));
                vec![Action::Serve(id, ticket)]
            }
            None => {
                self.admit_to_queue(now, function, bytes)?;
                self.functions[function].waiting.insert(ticket, bytes);
                self.waiting_bytes += bytes;
                self.starts(now)
            }
        };
        self.last_ticket = ticket.0;
        Ok((ticket, actions))
    }

    /// The client of a request has left. If the request still waits, it is dropped.
    pub(crate) fn leave(&mut self, function: usize, ticket: Ticket) -> bool {
        let left = self.functions[function].waiting.remove(&ticket);
        self.waiting_bytes -= left.unwrap_or_default();
        left.is_some()
    }

    /// Whether the limits of the account and of the function allow one more request.
    fn admit(&self, number: usize) -> Result<(), Throttled> {
        let function = &self.functions[number];
        if let Some(reserved) = function.reserved
            && function.under_way() >= reserved
        {
            return Err(Throttled::ReservedConcurrency);
        }
        let total: usize = self.functions.iter().map(Function::under_way).sum();
        let shared: usize = self.functions.iter().map(Function::beyond_own_share).sum();
        let full = function.under_way() >= function.own_share() && shared >= self.unreserved();
        if full || total >= self.limits.concurrency { Err(Throttled::Concurrency) } else { Ok(()) }
    }

    /// Whether one more request may wait.
    fn admit_to_queue(&self, now: u64, number: usize, bytes: usize) -> Result<(), Throttled> {
        if self.waiting_bytes + bytes > self.limits.waiting_bytes {
            return Err(Throttled::QueueMemory);
        }
        let function = &self.functions[number];
        let may_start_at = function.starts.next_at(now);
        if function.would_be_short() && may_start_at > now && function.provision_at(now) != Some(now) {
            return Err(Throttled::StartRate { wait_ns: may_start_at - now });
        }
        Ok(())
    }

    /// What the functions have together, beside the share that each has for itself.
    fn unreserved(&self) -> usize {
        let own: usize = self.functions.iter().map(Function::own_share).sum();
        self.limits.concurrency.saturating_sub(own)
    }
}

/// Environments.
impl Pool {
    /// A runtime of the environment asks for an event: for the first time, or after a reply.
    pub(crate) fn ready(&mut self, now: u64, id: EnvironmentId) -> Vec<Action> {
        let initialised = self.mark_initialised(id);
        let mut actions = self.give_slot(id);
        if initialised {
            actions.extend(self.starts(now));
        }
        actions
    }

    /// The environment has initialised. A no-op if it had before.
    pub(crate) fn initialised(&mut self, now: u64, id: EnvironmentId) -> Vec<Action> {
        if self.mark_initialised(id) { self.starts(now) } else { Vec::new() }
    }

    /// A slot of the environment can serve the request that waits longest, or is ready for the next one.
    fn give_slot(&mut self, id: EnvironmentId) -> Vec<Action> {
        let Some(environment) = self.environments.get(&id) else { return Vec::new() };
        if environment.retiring {
            return self.end_if_retired(id);
        }
        let slots = &environment.slots;
        let before = [Slot::Settling, Slot::Lingering].into_iter().find(|slot| slots[*slot] > 0);
        let (number, provisioned) = (environment.function, environment.provisioned);
        let function = &mut self.functions[number];
        if before.is_none() && slots.total() >= function.slots_each {
            return Vec::new();
        }
        if let Some((ticket, bytes)) = function.waiting.pop_first() {
            self.waiting_bytes -= bytes;
            self.shift(id, before, Some(Slot::Serving));
            return vec![Action::Serve(id, ticket)];
        }
        let ready = if provisioned { &mut function.ready_provisioned } else { &mut function.ready };
        ready.push(id);
        self.shift(id, before, Some(Slot::Ready));
        Vec::new()
    }

    /// False if the environment had initialised before.
    fn mark_initialised(&mut self, id: EnvironmentId) -> bool {
        let Some(environment) = self.environments.get_mut(&id) else { return false };
        if !std::mem::take(&mut environment.initialising) {
            return false;
        }
        self.initialising -= 1;
        let function = &mut self.functions[environment.function];
        if !environment.retiring {
            function.initialising -= 1;
            // The runtime is about to ask for as many events as it can serve at a time.
            for _ in 1..function.slots_each {
                self.shift(id, None, Some(Slot::Settling));
            }
        }
        true
    }

    /// Whether the environment has not initialised yet.
    pub(crate) fn is_initialising(&self, id: EnvironmentId) -> bool {
        self.environments.get(&id).is_some_and(|environment| environment.initialising)
    }

    /// The environment could not initialise. It tries again with the request that waits longest, if one waits.
    pub(crate) fn adopt(&mut self, id: EnvironmentId) -> Option<Ticket> {
        let environment = self.environments.get(&id).filter(|environment| !environment.retiring)?;
        let (ticket, bytes) = self.functions[environment.function].waiting.pop_first()?;
        self.waiting_bytes -= bytes;
        self.shift(id, None, Some(Slot::Serving));
        Some(ticket)
    }

    /// The environment has served a request.
    pub(crate) fn finished(&mut self, id: EnvironmentId) -> Vec<Action> {
        let Some(environment) = self.environments.get_mut(&id) else { return Vec::new() };
        if !std::mem::replace(&mut environment.served, true) && environment.provisioned {
            self.functions[environment.function].provisioned.succeeded();
        }
        let retiring = environment.retiring;
        self.shift(id, Some(Slot::Serving), (!retiring).then_some(Slot::Settling));
        self.end_if_retired(id)
    }

    /// A slot whose request was served long ago is still not ready.
    pub(crate) fn lingers(&mut self, now: u64, id: EnvironmentId) -> Vec<Action> {
        let Some(environment) = self.environments.get(&id) else { return Vec::new() };
        if environment.slots[Slot::Settling] > 0 {
            // An environment with several slots serves on with the others.
            let single = self.functions[environment.function].slots_each == 1;
            self.shift(id, Some(Slot::Settling), single.then_some(Slot::Lingering));
        }
        self.starts(now)
    }

    /// The environment gets no further requests, and is told to end once it serves none.
    pub(crate) fn retire(&mut self, now: u64, id: EnvironmentId) -> Vec<Action> {
        self.retire_all(now, &[id])
    }

    /// The environment has ended, whatever it was doing. Its runtime has not seen the requests `unseen`, of these sizes.
    pub(crate) fn end(&mut self, now: u64, id: EnvironmentId, unseen: &[(Ticket, usize)]) -> Vec<Action> {
        // One that was replaced, or that is one too many, has not failed.
        let unasked = self.environments.get(&id).is_some_and(|environment| !environment.retiring);
        self.withdraw(id);
        let given = unseen.iter().filter_map(|(ticket, bytes)| self.give_back(id, *ticket, *bytes));
        let mut actions: Vec<_> = given.collect();
        let Some(environment) = self.environments.get(&id) else { return actions };
        let idle = environment.slots[Slot::Serving] == 0;
        let useless = environment.initialising || (idle && !environment.served);
        for _ in 0..environment.slots[Slot::Serving] {
            self.shift(id, Some(Slot::Serving), None);
        }
        let Some(environment) = self.environments.remove(&id) else { return actions };
        let function = &mut self.functions[environment.function];
        function.environments -= 1;
        if environment.initialising {
            self.initialising -= 1;
        }
        if environment.provisioned && unasked && useless {
            function.provisioned.failed(now);
        }
        actions.extend(self.starts(now));
        actions
    }

    /// Another environment serves the request: now, or as the request that waits longest. Then more bytes may wait than
    /// arrivals may add, because the request was accepted.
    fn give_back(&mut self, id: EnvironmentId, ticket: Ticket, bytes: usize) -> Option<Action> {
        let number = self.environments.get(&id)?.function;
        self.shift(id, Some(Slot::Serving), None);
        if let Some(other) = self.functions[number].take_ready() {
            self.shift(other, Some(Slot::Ready), Some(Slot::Serving));
            return Some(Action::Serve(other, ticket));
        }
        self.functions[number].waiting.insert(ticket, bytes);
        self.waiting_bytes += bytes;
        None
    }

    /// An environment that is idle as far as it knows wants to end. `None` if a request has been given to it in the
    /// meantime, which it has to serve.
    pub(crate) fn end_idle(&mut self, now: u64, id: EnvironmentId) -> Option<Vec<Action>> {
        let serving =
            self.environments.get(&id).is_some_and(|environment| environment.slots[Slot::Serving] > 0);
        (!serving).then(|| self.end(now, id, &[]))
    }

    fn end_if_retired(&self, id: EnvironmentId) -> Vec<Action> {
        let environment = self.environments.get(&id);
        let ends = environment.is_some_and(|found| found.retiring && found.slots[Slot::Serving] == 0);
        if ends { vec![Action::End(id)] } else { Vec::new() }
    }

    /// Takes from the environment all slots that serve nothing.
    fn withdraw(&mut self, id: EnvironmentId) {
        let Some(environment) = self.environments.get_mut(&id) else { return };
        if std::mem::replace(&mut environment.retiring, true) {
            return;
        }
        let Environment { function, provisioned, initialising, slots, .. } = *environment;
        let function = &mut self.functions[function];
        function.initialising -= usize::from(initialising);
        function.provisioned.started -= usize::from(provisioned);
        if slots[Slot::Ready] > 0 {
            function.ready.retain(|ready| *ready != id);
            function.ready_provisioned.retain(|ready| *ready != id);
        }
        for slot in [Slot::Ready, Slot::Settling, Slot::Lingering] {
            for _ in 0..slots[slot] {
                self.shift(id, Some(slot), None);
            }
        }
    }

    /// A slot of the environment does something else from now on. The one place that changes the counts.
    fn shift(&mut self, id: EnvironmentId, from: Option<Slot>, to: Option<Slot>) {
        let Some(environment) = self.environments.get_mut(&id) else { return };
        let of_function = &mut self.functions[environment.function].slots;
        for counts in [&mut environment.slots, of_function] {
            if let Some(from) = from {
                counts[from] -= 1;
            }
            if let Some(to) = to {
                counts[to] += 1;
            }
        }
    }
}

/// Starting environments.
impl Pool {
    /// What can be started by now.
    pub(crate) fn starts(&mut self, now: u64) -> Vec<Action> {
        let mut actions = Vec::new();
        while self.initialising < self.limits.initialising {
            let Some(function) = self.next_start(now) else { break };
            actions.push(self.start(now, function));
        }
        actions
    }

    /// When something can be started that the rate, or a pause after a failure, forbids at `now`.
    pub(crate) fn next_start_at(&self, now: u64) -> Option<u64> {
        let numbers = 0..self.functions.len();
        numbers.filter_map(|number| self.may_start_at(now, number)).filter(|at| *at > now).min()
    }

    /// The function that gets the next environment: the one with the request that waits longest, or else one that
    /// misses a provisioned environment.
    fn next_start(&self, now: u64) -> Option<usize> {
        let startable =
            (0..self.functions.len()).filter(|number| self.may_start_at(now, *number) == Some(now));
        startable.min_by_key(|number| {
            let function = &self.functions[*number];
            let first = function.waiting.keys().next().filter(|_| function.is_short());
            (first.is_none(), first.copied())
        })
    }

    /// When the function may start an environment, if it needs one.
    fn may_start_at(&self, now: u64, number: usize) -> Option<u64> {
        let function = &self.functions[number];
        // A request that was accepted is served, even if the function's limit is 0 by now.
        let most = function.reserved.unwrap_or(self.limits.concurrency).max(1);
        let needed = function.is_short() && function.environments < most;
        let on_demand = needed.then(|| function.starts.next_at(now));
        [on_demand, function.provision_at(now)].into_iter().flatten().min()
    }

    fn start(&mut self, now: u64, number: usize) -> Action {
        self.last_environment += 1;
        let id = EnvironmentId(self.last_environment);
        let function = &mut self.functions[number];
        let provisioned = function.provision_at(now) == Some(now);
        if provisioned {
            function.provisioned.started += 1;
        } else {
            function.starts.record(now);
        }
        function.initialising += 1;
        function.environments += 1;
        self.initialising += 1;
        let environment = Environment {
            function: number,
            provisioned,
            initialising: true,
            retiring: false,
            served: false,
            slots: Slots::default(),
        };
        self.environments.insert(id, environment);
        Action::Start { id, function: number, provisioned }
    }
}

/// Settings.
impl Pool {
    /// From now on, `limit` requests of the function may be under way, and no other function may use that share.
    pub(crate) fn set_reserved(&mut self, now: u64, function: usize, limit: Option<usize>) -> Vec<Action> {
        self.functions[function].reserved = limit;
        self.starts(now)
    }

    /// From now on, `count` environments of the function are kept. Those beyond end when they serve nothing.
    pub(crate) fn set_provisioned(&mut self, now: u64, number: usize, count: usize) -> Vec<Action> {
        let function = &mut self.functions[number];
        function.provisioned.wanted = count;
        let surplus = function.provisioned.started.saturating_sub(count);
        let mut kept = self.of_function(number, |environment| environment.provisioned);
        // Those that serve requests are kept longest.
        kept.sort_by_key(|id| (self.environments[id].slots[Slot::Serving], *id));
        self.retire_all(now, &kept[..surplus])
    }

    /// How many provisioned environments of the function have initialised.
    pub(crate) fn provisioned(&self, function: usize) -> usize {
        self.of_function(function, |environment| environment.provisioned && !environment.initialising).len()
    }

    /// No environment of the function that exists now gets further requests.
    pub(crate) fn replace(&mut self, now: u64, function: usize) -> Vec<Action> {
        // What failed is replaced as well.
        self.functions[function].provisioned.succeeded();
        let all = self.of_function(function, |_| true);
        self.retire_all(now, &all)
    }

    fn retire_all(&mut self, now: u64, environments: &[EnvironmentId]) -> Vec<Action> {
        for id in environments {
            self.withdraw(*id);
        }
        let ends = environments.iter().flat_map(|id| self.end_if_retired(*id));
        let mut actions: Vec<_> = ends.collect();
        actions.extend(self.starts(now));
        actions
    }

    /// The environments of a function that still get requests and of which `condition` holds.
    fn of_function(&self, number: usize, condition: impl Fn(&Environment) -> bool) -> Vec<EnvironmentId> {
        let environments = self.environments.iter().filter(|(_, environment)| {
            environment.function == number && !environment.retiring && condition(environment)
        });
        environments.map(|(id, _)| *id).collect()
    }
}
