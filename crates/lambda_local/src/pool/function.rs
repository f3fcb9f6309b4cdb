//! What the pool knows of one function.

use std::collections::BTreeMap;

use super::names::{EnvironmentId, Ticket};
use super::slots::{Slot, Slots};
use super::start_rate::StartRate;

/// The pause after a provisioned environment failed, in nanoseconds. It doubles with each failure.
const FIRST_PAUSE_NS: u64 = 1_000_000_000;
const LONGEST_PAUSE_NS: u64 = 60_000_000_000;

/// A function, its environments, and the requests that wait for one.
#[derive(Debug)]
pub(super) struct Function {
    /// How many requests an environment serves at a time.
    pub(super) slots_each: usize,
    /// The requests that wait, in order of arrival, with their sizes in bytes.
    pub(super) waiting: BTreeMap<Ticket, usize>,
    /// The environment of each ready slot. The one that was used last is at the end and is used next, so that the
    /// others stay idle and end.
    pub(super) ready: Vec<EnvironmentId>,
    /// As `ready`, for provisioned environments, which are used first.
    pub(super) ready_provisioned: Vec<EnvironmentId>,
    /// The slots of all environments.
    pub(super) slots: Slots,
    /// How many environments initialise and will serve requests afterwards.
    pub(super) initialising: usize,
    /// How many environments there are.
    pub(super) environments: usize,
    /// How many requests may be under way, if the function has a limit of its own.
    pub(super) reserved: Option<usize>,
    pub(super) provisioned: Provisioned,
    pub(super) starts: StartRate,
}

/// The environments of a function that are kept ready for requests.
#[derive(Debug, Default)]
pub(super) struct Provisioned {
    /// How many there should be.
    pub(super) wanted: usize,
    /// How many there are, those that initialise included.
    pub(super) started: usize,
    /// How many in a row have ended without use: they could not initialise, or exited before they served a request.
    failures: u32,
    /// Before this time none is started, because some failed.
    not_before: u64,
}

impl Function {
    pub(super) fn new(slots_each: usize) -> Self {
        Self {
            slots_each,
            waiting: BTreeMap::new(),
            ready: Vec::new(),
            ready_provisioned: Vec::new(),
            slots: Slots::default(),
            initialising: 0,
            environments: 0,
            reserved: None,
            provisioned: Provisioned::default(),
            starts: StartRate::default(),
        }
    }

    /// How many requests are under way. An environment that does something else long after its reply counts as well.
    pub(super) fn under_way(&self) -> usize {
        self.waiting.len() + self.slots[Slot::Serving] + self.slots[Slot::Lingering]
    }

    /// How many requests the function may serve that are taken from no other function.
    pub(super) fn own_share(&self) -> usize {
        self.reserved.unwrap_or(self.provisioned.wanted)
    }

    /// How many of its requests take part of what all functions share.
    pub(super) fn beyond_own_share(&self) -> usize {
        if self.reserved.is_some() { 0 } else { self.under_way().saturating_sub(self.own_share()) }
    }

    /// Whether more requests wait than slots are about to become ready.
    pub(super) fn is_short(&self) -> bool {
        self.waiting.len() > self.coming()
    }

    /// Whether one more request that waits would need a new environment.
    pub(super) fn would_be_short(&self) -> bool {
        self.waiting.len() >= self.coming()
    }

    /// How many slots are about to become ready: those of environments that initialise, and those whose runtime has
    /// just replied.
    fn coming(&self) -> usize {
        self.initialising * self.slots_each + self.slots[Slot::Settling]
    }

    /// Takes the ready slot that serves the next request.
    pub(super) fn take_ready(&mut self) -> Option<EnvironmentId> {
        self.ready_provisioned.pop().or_else(|| self.ready.pop())
    }

    /// When a provisioned environment may be started, if one is missing.
    pub(super) fn provision_at(&self, now: u64) -> Option<u64> {
        let missing = self.provisioned.started < self.provisioned.wanted;
        missing.then(|| self.provisioned.not_before.max(now))
    }
}

impl Provisioned {
    /// One has ended without use. The next one waits a while, so that a function that always fails is not started all
    /// the time.
    pub(super) fn failed(&mut self, now: u64) {
        let pause = FIRST_PAUSE_NS.saturating_mul(1 << self.failures.min(16)).min(LONGEST_PAUSE_NS);
        self.failures += 1;
        self.not_before = now + pause;
    }

    /// The next one does not wait for those that failed before.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
        self.not_before = 0;
    }
}
