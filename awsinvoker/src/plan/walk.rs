//! The order in which endpoints are called.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use run_record::run_info::Order;

use super::endpoints::MAX_ENDPOINTS;

/// The random numbers of the order are another stream than those of the times.
const STREAM: u64 = 1;

/// A walk over the slots of the endpoints file, round after round, without an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    /// The order within each round.
    pub order: Order,
    /// What [`Order::Shuffled`] draws from.
    pub seed: u64,
    /// Endpoint indices. Not empty.
    pub slots: Vec<usize>,
}

/// The steps of a [`Walk`].
#[derive(Debug)]
pub(crate) struct Steps {
    slots: Vec<usize>,
    next: usize,
    rng: Option<ChaCha8Rng>,
}

impl Walk {
    /// The walk from its beginning.
    pub(crate) fn steps(&self) -> Steps {
        let rng = || {
            let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
            rng.set_stream(STREAM);
            rng
        };
        Steps { slots: self.slots.clone(), next: 0, rng: (self.order == Order::Shuffled).then(rng) }
    }
}

/// Calls of a warm-up have numbers from this one on, and those of a run never reach it, so that no payload of a template
/// with the number in it is sent twice.
pub(crate) const FIRST_OF_WARM_UP: u64 = 1_000_000_000_000;

/// The number of the call before the run that compares answers. Those of `--prewarm` have the next ones.
pub(crate) const FIRST_BEFORE_RUN: u64 = 2 * FIRST_OF_WARM_UP;

/// Numbers the calls of each endpoint.
#[derive(Debug)]
pub(crate) struct Numbering([u64; MAX_ENDPOINTS]);

impl Default for Numbering {
    fn default() -> Self {
        Self([0; MAX_ENDPOINTS])
    }
}

impl Numbering {
    /// The number of the next call of this endpoint, from 0.
    pub(crate) fn next(&mut self, endpoint: usize) -> u64 {
        let number = self.0[endpoint];
        self.0[endpoint] += 1;
        number
    }
}

impl Iterator for Steps {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if let Some(rng) = self.rng.as_mut().filter(|_| self.next == 0) {
            self.slots.shuffle(rng);
        }
        let slot = self.slots.get(self.next).copied();
        self.next = (self.next + 1) % self.slots.len().max(1);
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(order: Order, seed: u64, count: usize) -> Vec<usize> {
        Walk { order, seed, slots: vec![0, 1, 2, 0] }.steps().take(count).collect()
    }

    #[test]
    fn endpoints_are_walked_round_robin() {
        assert_eq!(steps(Order::RoundRobin, 7, 9), [0, 1, 2, 0, 0, 1, 2, 0, 0]);
    }

    #[test]
    fn shuffled_rounds_are_permutations_that_repeat_with_the_seed() {
        let shuffled = steps(Order::Shuffled, 7, 4000);
        assert_eq!(shuffled, steps(Order::Shuffled, 7, 4000));
        assert_ne!(shuffled, steps(Order::Shuffled, 8, 4000));
        let mut first_in_round = [0; 3];
        for round in shuffled.chunks(4) {
            first_in_round[round[0]] += 1;
            let mut sorted = round.to_vec();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 0, 1, 2], "each round has every slot once");
        }
        // Of 1,000 rounds, half begin with endpoint 0; the standard deviation is 16.
        assert!((420..580).contains(&first_in_round[0]), "{first_in_round:?}");
        assert!(first_in_round[1..].iter().all(|count| (180..320).contains(count)), "{first_in_round:?}");
    }
}
