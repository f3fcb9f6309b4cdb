//! Histograms of latencies in nanoseconds.

use hdrhistogram::Histogram as Hdr;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::order_statistics;
use crate::sample::Sample;

/// The unit and the upper bound of what is recorded, in nanoseconds. With a unit of a microsecond, values of a few
/// microseconds, which small functions report, would have one digit instead of three.
pub(crate) const BOUNDS_NS: (u64, u64) = (1, 3_600_000_000_000);
/// Significant digits that are kept of every value, from the unit to the upper bound.
pub(crate) const DIGITS: u8 = 3;

/// More values than this are taken for damage: at 100,000 a second, they would take three thousand years.
const MAX_COUNT: u64 = 1 << 53;

/// Which latency of an invocation is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum View {
    /// From the intended time to the end.
    Response,
    /// From sending to the end.
    Service,
    /// What the function reported.
    Function,
}

impl View {
    /// All views, in the order in which they are published.
    pub const ALL: [Self; 3] = [Self::Response, Self::Service, Self::Function];

    /// The name in files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Response => "response",
            Self::Service => "service",
            Self::Function => "function",
        }
    }

    /// The view of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|view| view.name() == name)
    }

    /// The latency of a sample in this view, if the sample has one.
    pub fn latency_ns(self, sample: &Sample) -> Option<u64> {
        match self {
            Self::Response => sample.response_ns(),
            Self::Service => sample.service_ns(),
            Self::Function => sample.function_ns(),
        }
    }
}

/// A histogram of nanoseconds up to an hour, with three significant digits. It takes 264 KiB, but only from its first
/// value on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram(Option<Hdr<u64>>);

impl Histogram {
    /// Records a value. A value above an hour is recorded as an hour, and `true` is returned.
    pub fn record(&mut self, value_ns: u64) -> bool {
        self.0.get_or_insert_with(empty).saturating_record(value_ns);
        value_ns > BOUNDS_NS.1
    }

    /// Adds all values of `other`.
    pub fn merge(&mut self, other: &Self) {
        if let Some(other) = other.recorded() {
            self.0.get_or_insert_with(empty).add(other).expect("both histograms have the same bounds");
        }
    }

    /// Removes all values. The memory is kept for new ones.
    pub fn reset(&mut self) {
        if let Some(histogram) = &mut self.0 {
            histogram.reset();
        }
    }

    /// How many values were recorded.
    pub fn count(&self) -> u64 {
        self.0.as_ref().map_or(0, Hdr::len)
    }

    /// The smallest recorded value that at least this share of all values, from 0 to 1, does not exceed; `None` if there
    /// is no value.
    pub fn quantile_ns(&self, share: f64) -> Option<u64> {
        self.recorded().map(|histogram| histogram.value_at_quantile(share))
    }

    /// The same, but `None` also if there are too few values to tell it: no two of them would enclose it with 95 % certainty.
    pub(crate) fn told_quantile_ns(&self, share: f64) -> Option<u64> {
        order_statistics::ranks(self.count(), share).and_then(|_| self.quantile_ns(share))
    }

    /// The values in ascending order, to find many ranks at once.
    pub(crate) fn steps(&self) -> Steps {
        let mut count = 0;
        let recorded = self.recorded().into_iter().flat_map(Hdr::iter_recorded);
        let steps = recorded.map(|step| {
            count += step.count_at_value();
            (count, step.value_iterated_to())
        });
        Steps(steps.collect())
    }

    /// The greatest value.
    pub fn max_ns(&self) -> Option<u64> {
        self.recorded().map(Hdr::max)
    }

    /// The smallest value. Like all others, it is told as the greatest value that its three digits stand for.
    pub fn min_ns(&self) -> Option<u64> {
        self.recorded().map(|histogram| histogram.highest_equivalent(histogram.min()))
    }

    /// The mean in nanoseconds, which is not outside of the smallest and the greatest value.
    pub fn mean_ns(&self) -> Option<f64> {
        // The library takes the middle of all values that three digits stand for.
        let (least, most) = self.min_ns().zip(self.max_ns())?;
        self.recorded().map(|histogram| histogram.mean().clamp(least as f64, most as f64))
    }

    /// The histogram of the library, if it has a value.
    pub(crate) fn recorded(&self) -> Option<&Hdr<u64>> {
        self.0.as_ref().filter(|histogram| !histogram.is_empty())
    }

    /// A histogram with the values of one that was read; `None` if no run can have that many values.
    pub(crate) fn from_read(read: &Hdr<u64>) -> Option<Self> {
        let mut histogram = empty();
        let mut count = 0_u64;
        for step in read.iter_recorded() {
            count = count.checked_add(step.count_at_value()).filter(|count| *count <= MAX_COUNT)?;
            histogram.saturating_record_n(step.value_iterated_to().min(BOUNDS_NS.1), step.count_at_value());
        }
        Some(Self((count > 0).then_some(histogram)))
    }
}

/// How many values do not exceed a value, and that value in nanoseconds.
#[derive(Debug)]
pub(crate) struct Steps(Vec<(u64, u64)>);

impl Steps {
    /// The value of this rank, from 1; 0 without values, and the greatest value beyond the last rank.
    pub(crate) fn at_rank(&self, rank: u64) -> u64 {
        let at = self.0.partition_point(|(count, _)| *count < rank);
        self.0.get(at).or(self.0.last()).map_or(0, |(_, value)| *value)
    }
}

fn empty() -> Hdr<u64> {
    Hdr::new_with_bounds(BOUNDS_NS.0, BOUNDS_NS.1, DIGITS).expect("the bounds are valid")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::test_data::histogram;

    #[test]
    fn an_hour_is_the_most() {
        let mut histogram = Histogram::default();
        assert!(!histogram.record(BOUNDS_NS.1));
        assert!(histogram.record(BOUNDS_NS.1 + 1));
        assert_eq!(histogram.count(), 2);
    }

    #[test]
    fn without_a_value_nothing_is_known() {
        let mut empty = histogram(&[1]);
        empty.reset();
        for histogram in [Histogram::default(), empty] {
            assert_eq!((histogram.count(), histogram.quantile_ns(0.5), histogram.max_ns()), (0, None, None));
        }
    }

    #[test]
    fn one_value_is_shown_as_one_value() {
        for value in [0, 1, 12_345_678, BOUNDS_NS.1] {
            let one = histogram(&[value, value]);
            let (min, max) = (one.min_ns().unwrap(), one.max_ns().unwrap());
            assert_eq!((min, one.quantile_ns(0.5), one.mean_ns()), (max, Some(max), Some(max as f64)));
            assert!(max >= value && max - value <= value / 1000, "{value}: {max}");
        }
    }

    #[test]
    fn ranks_and_quantiles_are_the_same_values() {
        let histogram = histogram(&[5_000, 70_000, 70_000, 900_000]);
        let steps = histogram.steps();
        for (rank, share) in [(1, 0.25), (2, 0.5), (3, 0.75), (4, 1.0)] {
            assert_eq!(Some(steps.at_rank(rank)), histogram.quantile_ns(share), "{rank}");
        }
        assert_eq!((steps.at_rank(9), Histogram::default().steps().at_rank(1)), (steps.at_rank(4), 0));
    }

    proptest! {
        #[test]
        fn merging_is_recording_all(
            a in prop::collection::vec(0..4_000_000_000_000_u64, 0..50),
            b in prop::collection::vec(0..4_000_000_000_000_u64, 0..50),
        ) {
            let mut merged = histogram(&a);
            merged.merge(&histogram(&b));
            prop_assert_eq!(merged, histogram(&[a, b].concat()));
        }
    }
}
