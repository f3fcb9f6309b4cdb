//! Which part of a common schedule one of several load generators sends.

/// One of several load generators that send a common schedule together. Each sends whole rounds: round *r* is that of
/// shard *r* modulo their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u32,
    total: u32,
}

impl Shard {
    /// The greatest number of shards.
    pub const MAX_TOTAL: u32 = 10_000;

    /// The shard of this index, from 0, of so many; `None` if there is no such shard, or if there are too many.
    pub fn new(index: u32, total: u32) -> Option<Self> {
        (index < total && total <= Self::MAX_TOTAL).then_some(Self { index, total })
    }

    /// Its index, from 0.
    pub fn index(self) -> u32 {
        self.index
    }

    /// How many shards there are.
    pub fn total(self) -> u32 {
        self.total
    }

    /// Whether it sends the round of this number, from 0.
    pub fn has_round(self, round: u64) -> bool {
        round % u64::from(self.total) == u64::from(self.index)
    }

    /// Whether it sends the request of this number, from 0, where a round has so many requests.
    pub fn has_request(self, sequence: u64, round_len: u64) -> bool {
        self.has_round(sequence / round_len.max(1))
    }

    /// How many of the first `requests` requests it sends, where a round has so many requests. For a request that it
    /// sends itself, this is the number of the request among its own.
    pub fn requests_before(self, requests: u64, round_len: u64) -> u64 {
        let (rounds, rest) = (requests / round_len.max(1), requests % round_len.max(1));
        let rest = if self.has_round(rounds) { rest } else { 0 };
        self.rounds_before(rounds) * round_len + rest
    }

    /// How many of the first `rounds` rounds it sends.
    pub fn rounds_before(self, rounds: u64) -> u64 {
        let (total, index) = (u64::from(self.total), u64::from(self.index));
        rounds / total + u64::from(rounds % total > index)
    }
}

/// Which requests of a common schedule a run makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnRequests {
    /// All of them.
    All,
    /// Those of this shard, with so many requests in a round.
    Rounds(Shard, u64),
    /// Those that a shard has of a schedule in a file, which only the file tells.
    Unknown,
}

impl OwnRequests {
    /// Whether a request is one of them, as far as its number tells.
    pub fn has(self, sequence: u64) -> bool {
        match self {
            Self::All | Self::Unknown => true,
            Self::Rounds(shard, round_len) => shard.has_request(sequence, round_len),
        }
    }

    /// The number of a request among those of the run; `None` if that is not known.
    pub fn own_number(self, sequence: u64) -> Option<u64> {
        match self {
            Self::All => Some(sequence),
            Self::Rounds(shard, round_len) => Some(shard.requests_before(sequence, round_len)),
            Self::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_shard_is_one_of_those_that_there_are() {
        assert!(Shard::new(0, 1).is_some() && Shard::new(7, 8).is_some());
        for (index, total) in [(0, 0), (8, 8), (0, Shard::MAX_TOTAL + 1)] {
            assert_eq!(Shard::new(index, total), None);
        }
    }

    proptest! {
        #[test]
        fn each_request_is_counted_for_the_one_shard_that_sends_it(
            requests in 0..400_u64,
            round_len in 1..9_u64,
            total in 1..9_u32,
        ) {
            let shards: Vec<_> = (0..total).filter_map(|index| Shard::new(index, total)).collect();
            for shard in &shards {
                let of_run = OwnRequests::Rounds(*shard, round_len);
                let own: Vec<_> = (0..requests).filter(|it| shard.has_request(*it, round_len)).collect();
                prop_assert_eq!(own.len() as u64, shard.requests_before(requests, round_len));
                for (number, sequence) in (0..).zip(own) {
                    prop_assert_eq!((of_run.has(sequence), of_run.own_number(sequence)), (true, Some(number)));
                }
            }
            for sequence in 0..requests {
                prop_assert_eq!(shards.iter().filter(|it| it.has_request(sequence, round_len)).count(), 1);
            }
        }
    }
}
