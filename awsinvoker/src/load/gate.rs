//! How many calls are in flight, and may be.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Lets a number of calls be in flight. All clones are one gate.
#[derive(Clone, Debug)]
pub struct Gate {
    places: Arc<Semaphore>,
    most: u32,
    /// Apart from the free places: those are taken one after the other while somebody waits for all of them.
    in_flight: Arc<AtomicU32>,
}

/// The place of a call in flight.
#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
    in_flight: Arc<AtomicU32>,
}

impl Gate {
    /// A gate for this many calls at once.
    pub fn new(most: u32) -> Self {
        Self { places: Arc::new(Semaphore::new(most as usize)), most, in_flight: Arc::default() }
    }

    /// How many calls may be in flight.
    pub(super) fn most(&self) -> u32 {
        self.most
    }

    /// How many calls are in flight.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// A place, if one is free.
    pub(super) fn enter(&self) -> Option<Place> {
        let permit = Arc::clone(&self.places).try_acquire_owned().ok()?;
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Some(Place { _permit: permit, in_flight: Arc::clone(&self.in_flight) })
    }

    /// Waits until no call is in flight.
    pub(super) async fn drained(&self) {
        // The semaphore is never closed, which is the only error.
        let _ = self.places.acquire_many(self.most).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn those_in_flight_are_counted_also_while_they_are_waited_for() {
        let gate = Gate::new(3);
        let places: Vec<_> = (0..2).map(|_| gate.enter().unwrap()).collect();
        assert_eq!(gate.in_flight(), 2);
        let mut drained = Box::pin(gate.drained());
        assert!(tokio::time::timeout(std::time::Duration::ZERO, drained.as_mut()).await.is_err());
        assert_eq!(gate.in_flight(), 2);
        drop(places);
        drained.await;
        assert_eq!(gate.in_flight(), 0);
    }
}
