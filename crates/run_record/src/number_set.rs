//! A set of numbers that come roughly in order, such as those of the requests in a file of samples.

use std::collections::BTreeMap;

/// More ranges are not kept, so that memory is bounded: they take some 50 MB.
const MAX_RANGES: usize = 1_000_000;

/// A set of numbers, kept as ranges without gaps. Numbers that come roughly in order take little memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NumberSet {
    /// The first and the last number of each range. No two of them touch.
    ranges: BTreeMap<u64, u64>,
}

/// What became of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// The number is new.
    New,
    /// The number was in the set before.
    Known,
    /// The number is not in the set, and there is no room for it: the set has a million ranges.
    NoRoom,
}

impl NumberSet {
    /// Inserts a number.
    pub fn insert(&mut self, number: u64) -> Inserted {
        let before = self.ranges.range(..=number).next_back().map(|(first, last)| (*first, *last));
        if before.is_some_and(|(_, last)| number <= last) {
            return Inserted::Known;
        }
        let touched = before.filter(|(_, last)| *last + 1 == number);
        let after = number.checked_add(1).and_then(|next| self.ranges.get(&next).copied());
        if touched.is_none() && after.is_none() && self.ranges.len() >= MAX_RANGES {
            return Inserted::NoRoom;
        }
        if after.is_some() {
            self.ranges.remove(&(number + 1));
        }
        let first = touched.map_or(number, |(first, _)| first);
        self.ranges.insert(first, after.unwrap_or(number));
        Inserted::New
    }

    /// The smallest number that is not in the set.
    pub fn first_missing(&self) -> u64 {
        self.ranges.get(&0).map_or(0, |last| last.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn memory_is_bounded_and_it_is_told() {
        let mut set = NumberSet::default();
        for number in 0..MAX_RANGES as u64 {
            assert_eq!(set.insert(2 * number + 1), Inserted::New);
        }
        assert_eq!(set.insert(u64::MAX), Inserted::NoRoom);
        // Two ranges become one, so there is room again.
        assert_eq!([set.insert(2), set.insert(u64::MAX)], [Inserted::New; 2]);
        assert_eq!([set.insert(u64::MAX), set.insert(3)], [Inserted::Known; 2]);
    }

    proptest! {
        #[test]
        fn it_is_a_set_of_as_few_ranges_as_can_be(numbers in prop::collection::vec(prop_oneof![0..40_u64, u64::MAX - 3..=u64::MAX], 0..80)) {
            let (mut set, mut expected) = (NumberSet::default(), BTreeSet::new());
            for number in numbers {
                let is_new = expected.insert(number);
                prop_assert_eq!(set.insert(number), if is_new { Inserted::New } else { Inserted::Known });
            }
            prop_assert_eq!(Some(set.first_missing()), (0..=80).find(|number| !expected.contains(number)));
            let starts = expected.iter().filter(|number| number.checked_sub(1).is_none_or(|it| !expected.contains(&it)));
            prop_assert_eq!(set.ranges.keys().collect::<Vec<_>>(), starts.collect::<Vec<_>>());
        }
    }
}
