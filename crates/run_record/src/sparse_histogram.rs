//! Histograms of few values, which take little memory. Their bins are those of [`Histogram`].

use crate::histogram::Histogram;
use crate::order_statistics;

/// What is greater is recorded as this value, as in [`Histogram`]: the end of the last bin that is needed for an hour.
const MOST_NS: u64 = (1 << 42) - 1;
/// Up to here, each nanosecond has its own bin. Above, as many bins as half of this number share each doubling.
const EXACT_BELOW: u64 = 2048;
/// Half of them, as a power of two.
const HALF_BITS: u32 = 10;
/// So many values are kept one by one at least, before they are counted: fewer have hardly two in a bin.
const MIN_RECENT: usize = 4_096;

/// A histogram of nanoseconds up to an hour with three significant digits, as [`Histogram`] is one. While it grows,
/// it takes 2 to 4 bytes for each value that is not counted yet, and 8 bytes for each bin that has counted values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SparseHistogram {
    /// Bins with their counts, in ascending order.
    counted: Vec<(u16, u32)>,
    /// Bins of values that are not counted yet.
    recent: Vec<u16>,
    sum_ns: f64,
}

impl SparseHistogram {
    /// Records a value. What is well above an hour saturates.
    pub fn record(&mut self, value_ns: u64) {
        let value_ns = value_ns.min(MOST_NS);
        self.sum_ns += value_ns as f64;
        self.recent.push(bin(value_ns));
        if self.recent.len() >= MIN_RECENT.max(self.counted.len()) {
            self.settle();
        }
    }

    /// Counts the values that are kept one by one. Only what is settled can be asked for its values.
    pub fn settle(&mut self) {
        if !self.recent.is_empty() {
            *self = Self::merged(std::iter::once(&*self));
        }
    }

    /// All values of these.
    pub fn merged<'a>(all: impl Iterator<Item = &'a Self>) -> Self {
        let (mut bins, mut sum_ns) = (Vec::new(), 0.0);
        for histogram in all {
            sum_ns += histogram.sum_ns;
            bins.extend(histogram.bins());
        }
        bins.sort_unstable_by_key(|(bin, _)| *bin);
        let runs = bins.chunk_by(|(one, _), (other, _)| one == other);
        let total =
            |run: &[(u16, u32)]| run.iter().fold(0_u32, |total, (_, count)| total.saturating_add(*count));
        let mut counted: Vec<_> = runs.map(|run| (run[0].0, total(run))).collect();
        counted.shrink_to_fit();
        Self { counted, recent: Vec::new(), sum_ns }
    }

    /// Gives back memory that is kept for more values.
    pub fn shrink(&mut self) {
        self.recent.shrink_to_fit();
    }

    /// How many values were recorded.
    pub fn count(&self) -> u64 {
        let counted: u64 = self.counted.iter().map(|(_, count)| u64::from(*count)).sum();
        counted + self.recent.len() as u64
    }

    /// Their sum in nanoseconds.
    pub fn sum_ns(&self) -> f64 {
        self.sum_ns
    }

    /// The smallest recorded value that at least this share of all values does not exceed; `None` if there is no value.
    pub fn quantile_ns(&self, share: f64) -> Option<u64> {
        // A product such as 0.9 * 10 may lie a little above the whole number that it stands for.
        let rank = (share * self.count() as f64 * (1.0 - 1e-12)).ceil();
        let mut below = 0.0;
        let reached = self.counted.iter().find(|(_, count)| {
            below += f64::from(*count);
            below >= rank
        });
        reached.or(self.counted.last()).map(|(bin, _)| highest(*bin))
    }

    /// The same, but `None` also if there are too few values to tell it: no two of them would enclose it with 95 % certainty.
    pub fn told_quantile_ns(&self, share: f64) -> Option<u64> {
        order_statistics::ranks(self.count(), share).and_then(|_| self.quantile_ns(share))
    }

    /// How many values are below those that share their three digits with this value, and how many share them.
    pub(crate) fn counts_below_and_at(&self, value_ns: u64) -> (u64, u64) {
        let bin = bin(value_ns.min(MOST_NS));
        let at = self.counted.partition_point(|(other, _)| *other < bin);
        let below = self.counted[..at].iter().map(|(_, count)| u64::from(*count)).sum();
        let equal = self.counted.get(at).filter(|(other, _)| *other == bin);
        (below, equal.map_or(0, |(_, count)| u64::from(*count)))
    }

    fn bins(&self) -> impl Iterator<Item = (u16, u32)> {
        self.counted.iter().copied().chain(self.recent.iter().map(|bin| (*bin, 1)))
    }
}

impl From<&Histogram> for SparseHistogram {
    fn from(histogram: &Histogram) -> Self {
        let steps = histogram.recorded().into_iter().flat_map(hdrhistogram::Histogram::iter_recorded);
        let steps: Vec<_> = steps.map(|step| (step.value_iterated_to(), step.count_at_value())).collect();
        let of = |(value_ns, count): &(u64, u64)| (bin(*value_ns), u32::try_from(*count).unwrap_or(u32::MAX));
        Self {
            counted: steps.iter().map(of).collect(),
            recent: Vec::new(),
            sum_ns: steps.iter().map(|(value_ns, count)| *value_ns as f64 * *count as f64).sum(),
        }
    }
}

/// The bin of a value up to [`MOST_NS`].
fn bin(value_ns: u64) -> u16 {
    let shift = (u64::BITS - value_ns.leading_zeros()).saturating_sub(HALF_BITS + 1);
    let bin = (u64::from(shift) << HALF_BITS) + (value_ns >> shift);
    u16::try_from(bin).unwrap_or(u16::MAX)
}

/// The greatest value of a bin.
fn highest(bin: u16) -> u64 {
    let bin = u64::from(bin);
    if bin < EXACT_BELOW {
        return bin;
    }
    let shift = (bin >> HALF_BITS) - 1;
    ((bin - (shift << HALF_BITS) + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::*;

    use super::*;
    use crate::test_data::histogram;

    fn sparse(values: &[u64]) -> SparseHistogram {
        let mut sparse = SparseHistogram::default();
        values.iter().for_each(|value| sparse.record(*value));
        sparse.settle();
        sparse
    }

    #[test]
    fn bins_are_contiguous_up_to_an_hour() {
        let mut value = 0;
        for expected in 0..=bin(MOST_NS) {
            assert_eq!(bin(value), expected, "{value}");
            assert_eq!(bin(highest(expected)), expected);
            value = highest(expected) + 1;
        }
    }

    proptest! {
        #[test]
        fn it_tells_what_a_histogram_tells(
            values in prop::collection::vec(prop_oneof![0..5_000_u64, 0..4_000_000_000_000_u64], 1..200),
            share in 0.0..1.0_f64,
        ) {
            let (sparse, full) = (sparse(&values), histogram(&values));
            prop_assert_eq!(sparse.count(), full.count());
            prop_assert_eq!(sparse.quantile_ns(share), full.quantile_ns(share));
            let bins = values.iter().map(|value| bin(*value));
            let (below, at) = bins.fold((0, 0), |(below, at), it| match it.cmp(&bin(values[0])) {
                Ordering::Less => (below + 1, at),
                Ordering::Equal => (below, at + 1),
                Ordering::Greater => (below, at),
            });
            prop_assert_eq!(sparse.counts_below_and_at(values[0]), (below, at));
            prop_assert_eq!(&SparseHistogram::from(&full).counted, &sparse.counted);
            let exact: f64 = values.iter().map(|value| (*value).min(MOST_NS) as f64).sum();
            prop_assert_eq!(sparse.sum_ns(), exact);
        }

        #[test]
        fn merging_is_recording_all(
            a in prop::collection::vec(0..4_000_000_000_000_u64, 0..50),
            b in prop::collection::vec(0..4_000_000_000_000_u64, 0..50),
        ) {
            let merged = SparseHistogram::merged([sparse(&a), sparse(&b)].iter());
            prop_assert_eq!(merged, sparse(&[a, b].concat()));
        }
    }
}
