//! The slots of environments: the places for one request each. An environment has one, unless its runtime serves several
//! requests at a time.

use std::ops::{Index, IndexMut};

/// What a slot is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// The runtime waits for an event.
    Ready,
    /// A request is being served.
    Serving,
    /// The runtime replied a moment ago and is expected to ask for the next event.
    Settling,
    /// The runtime replied and does something else.
    Lingering,
}

/// How many slots do what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Slots([usize; 4]);

impl Slots {
    pub(super) fn total(&self) -> usize {
        self.0.iter().sum()
    }
}

impl Index<Slot> for Slots {
    type Output = usize;

    fn index(&self, slot: Slot) -> &usize {
        &self.0[slot as usize]
    }
}

impl IndexMut<Slot> for Slots {
    fn index_mut(&mut self, slot: Slot) -> &mut usize {
        &mut self.0[slot as usize]
    }
}
