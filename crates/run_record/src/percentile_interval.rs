//! Intervals of percentiles for latencies that depend on each other, as those of neighbouring requests do.
//!
//! Woodruff's interval on the effective size of the sample: the values are cut into blocks of time, and how much the blocks
//! differ tells how many independent values they are worth. So does how much environments differ, where they are known. The
//! ratio of two systems that were loaded at the same time has an interval by the method of variance estimates recovery (MOVER),
//! which knows that their blocks rise and fall together. What is not known of each side's variance counts for both sides
//! together (Welch and Satterthwaite): both are seldom underestimated at once.
//! Nothing is random, so equal values give equal intervals.

use std::sync::Arc;

use statrs::distribution::{Beta, ContinuousCDF as _, Normal};

use crate::observations::Observations;
use crate::sparse_histogram::SparseHistogram;
use crate::spread::{Spread, Variance, freedom_of_difference, student};

/// Fewer blocks do not tell how much blocks differ.
pub const MIN_BLOCKS: usize = 6;
/// So many effective values have to lie above a percentile whose ratio is asked for.
pub const MIN_ABOVE: f64 = 4.0;

/// A percentile with its interval.
#[derive(Clone, Debug, PartialEq)]
pub struct PercentileInterval {
    /// The share of values that do not exceed it, from 0 to 1.
    pub share: f64,
    /// The percentile of all values, in nanoseconds.
    pub value_ns: u64,
    /// The lower end of its interval, in nanoseconds.
    pub low_ns: u64,
    /// The upper end, in nanoseconds; absent if too few values lie above the percentile.
    pub high_ns: Option<u64>,
    /// How many independent values would tell as much. At most the number of values.
    pub effective_count: f64,
    /// Whether neighbouring blocks resemble each other, so that the interval holds for this time alone.
    pub is_drifting: bool,
    /// The confidence of its interval.
    confidence: f64,
    all: Arc<SparseHistogram>,
    /// How widely the number of values varies that do not exceed the percentile.
    spread: Spread,
    /// The variance of this number that the interval is made of.
    variance: Variance,
}

/// An interval of a percentile in nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Ends {
    low_ns: u64,
    /// Absent if too few values lie above.
    high_ns: Option<u64>,
}

/// How far apart two values in nanoseconds are, the greater one first.
type Apart = fn(u64, u64) -> f64;

/// How many times as great a percentile is as that of another system, with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// The ratio.
    pub ratio: f64,
    /// The lower end of its interval; absent if it is not known.
    pub low: Option<f64>,
    /// The upper end; absent if it is not known.
    pub high: Option<f64>,
}

/// How much greater a percentile is than that of another system, with its interval, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// The difference.
    pub ns: f64,
    /// The lower end of its interval; absent if it is not known.
    pub low_ns: Option<f64>,
    /// The upper end; absent if it is not known.
    pub high_ns: Option<f64>,
}

/// Why there is no interval.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum NoInterval {
    #[error("there are {blocks} blocks of time, expected at least {MIN_BLOCKS}; make the run longer")]
    FewBlocks { blocks: usize },
    #[error("no latency is known")]
    NoValue,
    #[error("the share is {share} and the confidence {confidence}, expected both between 0 and 1")]
    Share { share: f64, confidence: f64 },
    #[error("one side has {one} blocks of time and the other {other}, expected pairs")]
    Unpaired { one: usize, other: usize },
    #[error(
        "{above:.1} independent values lie above the percentile, expected at least {MIN_ABOVE}; make the run {factor:.1} times \
         as long"
    )]
    FewAbove { above: f64, factor: f64 },
    #[error(
        "one side is as good as {effective:.1} environments, which may differ so much that too few independent values lie above \
         the percentile"
    )]
    FewEnvironments { effective: f64 },
    #[error("a percentile is 0, so there is no ratio")]
    Zero,
}

impl PercentileInterval {
    /// The percentile `share` of these values. The interval holds with this confidence, such as 0.95. If they tell their
    /// environments, it is as wide as the differences between environments demand.
    ///
    /// # Errors
    /// There are too few windows, or no values.
    pub fn of(values: &Observations, share: f64, confidence: f64) -> Result<Self, NoInterval> {
        let is_inside = |number: f64| number > 0.0 && number < 1.0;
        if !is_inside(share) || !is_inside(confidence) {
            return Err(NoInterval::Share { share, confidence });
        }
        if values.windows() < MIN_BLOCKS {
            return Err(NoInterval::FewBlocks { blocks: values.windows() });
        }
        let all = values.shared();
        let value_ns = all.quantile_ns(share).ok_or(NoInterval::NoValue)?;
        let spread = values.spread(excess(&all, value_ns, share));
        let variance = spread.variance(confidence);
        let effective_count = effective_count(variance.value, all.count() as f64, share);
        let mut estimate = Self {
            share,
            value_ns,
            low_ns: value_ns,
            high_ns: None,
            effective_count,
            is_drifting: spread.is_drifting(),
            confidence,
            all,
            spread,
            variance,
        };
        let Ends { low_ns, high_ns } = estimate.ends(variance);
        (estimate.low_ns, estimate.high_ns) = (low_ns, high_ns);
        Ok(estimate)
    }

    /// The interval, if this is how widely the number of values varies that do not exceed the percentile.
    fn ends(&self, variance: Variance) -> Ends {
        let (all, value_ns, count) = (&self.all, self.value_ns, self.all.count() as f64);
        let effective_count = effective_count(variance.value, count, self.share);
        let [low, high] = ends(effective_count, self.share, self.confidence, variance.freedom);
        let is_known = high * count <= count - 0.5;
        Ends {
            low_ns: all.quantile_ns(low).unwrap_or(value_ns).min(value_ns),
            high_ns: all.quantile_ns(high).filter(|_| is_known).map(|ns| ns.max(value_ns)),
        }
    }

    /// How many effective values lie above the percentile.
    pub fn above(&self) -> f64 {
        self.effective_count * (1.0 - self.share)
    }

    /// How many effective values lie above the percentile, if environments differ by as much as they may.
    fn above_at_least(&self) -> f64 {
        let count = self.all.count() as f64;
        effective_count(self.spread.at_most(), count, self.share).min(self.effective_count)
            * (1.0 - self.share)
    }

    /// What a variance of the number of values is multiplied by to be one of the percentile, as its interval tells.
    fn scale(&self, apart: Apart) -> f64 {
        let below = apart(self.value_ns, self.low_ns);
        let half = self.high_ns.map_or(below, |high_ns| (below + apart(high_ns, self.value_ns)) / 2.0);
        let of_sum = self.variance.half_width(self.confidence);
        if of_sum > 0.0 { (half / of_sum).powi(2) } else { 0.0 }
    }
}

/// How far the ends of the interval of a difference of two percentiles are from it, the lower one first. It is the wider of
/// two: of the one that windows tell, and of the one that environments tell as well.
fn distances(
    baseline: &PercentileInterval,
    candidate: &PercentileInterval,
    apart: Apart,
) -> [Option<f64>; 2] {
    let sides = [baseline, candidate];
    let of_windows = sides.map(|side| side.spread.of_windows());
    let one = of_variances(sides, of_windows, apart);
    let added = sides.map(|side| side.spread.added());
    if added.iter().all(Option::is_none) {
        return one;
    }
    let scales = sides.map(|side| side.scale(apart));
    let both = baseline.spread.covariance(&candidate.spread) * (scales[0] * scales[1]).sqrt();
    let paired = scales[0] * of_windows[0].value + scales[1] * of_windows[1].value - 2.0 * both;
    let paired = Variance { value: paired.max(0.0), ..of_windows[0] };
    let scaled = |at: usize| added[at].map(|part| Variance { value: part.value * scales[at], ..part });
    let freedom = freedom_of_difference(paired, [scaled(0), scaled(1)]);
    let with_added = [0, 1].map(|at| {
        let added = added[at].map_or(0.0, |part| part.value);
        Variance { value: of_windows[at].value + added, freedom }
    });
    let other = of_variances(sides, with_added, apart);
    [0, 1].map(|end| one[end].zip(other[end]).map(|(one, other)| one.max(other)))
}

/// The same, if these are the variances of both sides.
fn of_variances(sides: [&PercentileInterval; 2], variances: [Variance; 2], apart: Apart) -> [Option<f64>; 2] {
    let size = (variances[0].value * variances[1].value).sqrt();
    let covariance = sides[0].spread.covariance(&sides[1].spread);
    let correlation = if size > 0.0 { (covariance / size).clamp(-1.0, 1.0) } else { 0.0 };
    let ends = [0, 1].map(|at| sides[at].ends(variances[at]));
    let below = |at: usize| apart(sides[at].value_ns, ends[at].low_ns);
    let above = |at: usize| ends[at].high_ns.map(|high_ns| apart(high_ns, sides[at].value_ns));
    [
        above(0).map(|above| distance(correlation, below(1), above)),
        above(1).map(|above| distance(correlation, above, below(0))),
    ]
    // The logarithm of a lower end of 0 is not known.
    .map(|distance| distance.filter(|distance| distance.is_finite()))
}

impl Ratio {
    /// The ratio of the percentile of a candidate to that of a baseline, whose blocks cover the same times.
    ///
    /// # Errors
    /// The blocks are not pairs, or too few values lie above a percentile.
    pub fn new(baseline: &PercentileInterval, candidate: &PercentileInterval) -> Result<Self, NoInterval> {
        check_pair(baseline, candidate)?;
        if baseline.low_ns == 0 || candidate.low_ns == 0 {
            return Err(NoInterval::Zero);
        }
        let ratio = (candidate.value_ns as f64 / baseline.value_ns as f64).ln();
        let apart: Apart = |greater, smaller| (greater as f64 / smaller as f64).ln();
        let [below, above] = distances(baseline, candidate, apart);
        let (low, high) = (below.map(|below| ratio - below), above.map(|above| ratio + above));
        Ok(Self { ratio: ratio.exp(), low: low.map(f64::exp), high: high.map(f64::exp) })
    }

    /// Whether the two differ by less than `margin`, such as 0.05, as far as the interval tells. To be wrong in at most 5 % of
    /// the cases, it must be one of 90 %.
    pub fn is_within(&self, margin: f64) -> bool {
        self.low.zip(self.high).is_some_and(|(low, high)| is_within(low, high, margin))
    }
}

/// Whether a ratio between these ends differs from 1 by less than `margin`, in whichever direction it is taken.
pub(crate) fn is_within(low: f64, high: f64, margin: f64) -> bool {
    let bound = 1.0 + margin;
    low >= 1.0 / bound && high <= bound
}

impl Difference {
    /// The percentile of a candidate less that of a baseline, whose blocks cover the same times.
    ///
    /// # Errors
    /// The blocks are not pairs, or too few values lie above a percentile.
    pub fn new(baseline: &PercentileInterval, candidate: &PercentileInterval) -> Result<Self, NoInterval> {
        check_pair(baseline, candidate)?;
        let ns = candidate.value_ns as f64 - baseline.value_ns as f64;
        let [below, above] =
            distances(baseline, candidate, |greater, smaller| greater as f64 - smaller as f64);
        Ok(Self { ns, low_ns: below.map(|below| ns - below), high_ns: above.map(|above| ns + above) })
    }
}

fn check_pair(baseline: &PercentileInterval, candidate: &PercentileInterval) -> Result<(), NoInterval> {
    let (one, other) = (baseline.spread.windows(), candidate.spread.windows());
    if one != other {
        return Err(NoInterval::Unpaired { one, other });
    }
    let above = baseline.above().min(candidate.above());
    if above < MIN_ABOVE {
        return Err(NoInterval::FewAbove { above, factor: MIN_ABOVE / above });
    }
    // Which values lie far above the median is decided by few environments. Of those that happen to be alike, an interval would
    // be told, and be too narrow.
    let is_unsure = |side: &&PercentileInterval| side.share > 0.5 && side.above_at_least() < MIN_ABOVE;
    if let Some(side) = [baseline, candidate].iter().copied().find(is_unsure) {
        return Err(NoInterval::FewEnvironments { effective: side.spread.environments() });
    }
    Ok(())
}

/// The distance of an end of the interval of a difference from the difference, given the distances of the two ends that it is
/// made of.
fn distance(correlation: f64, one: f64, other: f64) -> f64 {
    if one.is_infinite() || other.is_infinite() {
        return f64::INFINITY;
    }
    (one * one + other * other - 2.0 * correlation * one * other).max(0.0).sqrt()
}

/// How many of some values do not exceed the percentile, above what the share says. Of the values that the histogram does not
/// tell apart from the percentile, a part counts, so that all values together have no excess.
fn excess(all: &SparseHistogram, value_ns: u64, share: f64) -> impl Fn(&SparseHistogram) -> f64 {
    let (below, at) = all.counts_below_and_at(value_ns);
    let part = if at == 0 { 0.0 } else { (share * all.count() as f64 - below as f64) / at as f64 };
    move |values| {
        let (below, at) = values.counts_below_and_at(value_ns);
        below as f64 + part * at as f64 - share * values.count() as f64
    }
}

/// How many independent values have this variance of the number that does not exceed the percentile.
fn effective_count(variance: f64, count: f64, share: f64) -> f64 {
    if variance > 0.0 { count.min(share * (1.0 - share) * count * count / variance) } else { count }
}

/// The shares of values at the ends of the interval. The effective count is itself an estimate, so it is made smaller by what
/// Student's distribution is wider than the normal one.
fn ends(effective_count: f64, share: f64, confidence: f64, freedom: f64) -> [f64; 2] {
    let tail = (1.0 - confidence) / 2.0;
    let Ok(normal) = Normal::new(0.0, 1.0) else { return [0.0, 1.0] };
    let wider = student(freedom, confidence) / normal.inverse_cdf(1.0 - tail);
    let count = effective_count / (wider * wider);
    let below = share * count;
    let share_at = |tail: f64, below: f64, above: f64| Some(Beta::new(below, above).ok()?.inverse_cdf(tail));
    [
        share_at(tail, below, count - below + 1.0).filter(|low| low.is_finite()).unwrap_or(0.0),
        share_at(1.0 - tail, below + 1.0, count - below).filter(|high| high.is_finite()).unwrap_or(1.0),
    ]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::histogram::Histogram;
    use crate::observations::Cell;
    use crate::test_data::histogram;

    /// The percentile of values whose environments are not known, with a histogram for each block.
    fn of_blocks(
        blocks: &[Histogram],
        share: f64,
        confidence: f64,
    ) -> Result<PercentileInterval, NoInterval> {
        let cell = |(window, histogram)| Cell {
            window,
            environment: None,
            values: SparseHistogram::from(histogram),
        };
        let values = Observations::new(blocks.len(), blocks.iter().enumerate().map(cell).collect());
        PercentileInterval::of(&values, share, confidence)
    }

    /// Normally distributed numbers, always the same for a seed.
    struct Random(u64);

    impl Random {
        fn uniform(&mut self) -> f64 {
            // SplitMix64.
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut bits = self.0;
            bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
        }

        fn normal(&mut self) -> f64 {
            let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
            radius * (std::f64::consts::TAU * self.uniform()).cos()
        }
    }

    /// Blocks of lognormal latencies around `scale_ns`. A part of each logarithm comes from a process that remembers its last
    /// value with this weight, as neighbouring requests do. Two systems with the same `common` rise and fall together.
    fn stream(seed: u64, common: &[f64], scale_ns: f64, memory: f64, per_block: usize) -> Vec<Histogram> {
        let mut random = Random(seed);
        let mut state = random.normal();
        let mut block = |common: &f64| {
            let mut histogram = Histogram::default();
            for _ in 0..per_block {
                state = memory * state + (1.0 - memory * memory).sqrt() * random.normal();
                let logarithm = 0.2 * random.normal() + 0.2 * state + common;
                histogram.record(crate::units::rounded(scale_ns * logarithm.exp()));
            }
            histogram
        };
        common.iter().map(&mut block).collect()
    }

    #[test]
    fn independent_values_count_in_full_and_dependent_ones_do_not() {
        let effective = |memory| {
            let all: Vec<_> = (0..10)
                .map(|seed| of_blocks(&stream(seed, &[0.0; 20], 1e6, memory, 200), 0.5, 0.95).unwrap())
                .collect();
            all.iter().map(|estimate| estimate.effective_count).sum::<f64>() / 10.0
        };
        let (independent, dependent) = (effective(0.0), effective(0.98));
        assert!((3_000.0..=4_000.0).contains(&independent), "{independent}");
        assert!((60.0..400.0).contains(&dependent), "{dependent}");
        // Blocks that do not differ leave nothing to doubt but the values themselves.
        let equal = vec![histogram(&[1_000, 2_000, 3_000, 4_000]); 6];
        let estimate = of_blocks(&equal, 0.5, 0.95).unwrap();
        assert_eq!((estimate.effective_count.to_bits(), estimate.is_drifting), (24.0_f64.to_bits(), false));
    }

    #[test]
    fn intervals_cover_the_truth_though_neighbours_depend_on_each_other() {
        const RUNS: u64 = 120;
        // The median is the scale.
        let mut covered = 0;
        for seed in 0..RUNS {
            let estimate = of_blocks(&stream(seed, &[0.0; 20], 1e6, 0.9, 100), 0.5, 0.95).unwrap();
            let high_ns = estimate.high_ns.unwrap();
            covered += u64::from(estimate.low_ns <= 1_000_000 && 1_000_000 <= high_ns);
        }
        // 95 % of 120 are 114. Three standard deviations are 7.
        assert!((107..=120).contains(&covered), "{covered} of {RUNS}");
    }

    #[test]
    fn systems_that_rise_and_fall_together_have_a_narrow_ratio() {
        const RUNS: u64 = 80;
        let (mut different, mut width, mut alone) = (0, 0.0, 0.0);
        for seed in 0..RUNS {
            let mut random = Random(!seed);
            let common: Vec<f64> = (0..20).map(|_| 0.3 * random.normal()).collect();
            let [baseline, candidate] = [(2 * seed, 1e6), (2 * seed + 1, 1.1e6)].map(|(seed, scale_ns)| {
                of_blocks(&stream(seed, &common, scale_ns, 0.9, 60), 0.5, 0.95).unwrap()
            });
            let ratio = Ratio::new(&baseline, &candidate).unwrap();
            let (low, high) = (ratio.low.unwrap(), ratio.high.unwrap());
            assert!(low <= ratio.ratio && ratio.ratio <= high, "{ratio:?}");
            different += u64::from(!(low..=high).contains(&1.1));
            width += (high / low).ln();
            alone += (candidate.high_ns.unwrap() as f64 / candidate.low_ns as f64).ln();
        }
        // 5 % of 80 are 4. Three standard deviations are 6.
        assert!(different <= 10, "{different} of {RUNS}");
        assert!(width < 0.8 * alone, "{width} {alone}");
    }

    #[test]
    fn what_is_too_little_is_refused_with_what_to_do() {
        let blocks = |count| stream(1, &vec![0.0; count], 1e6, 0.0, 10);
        let error = |error: NoInterval| error.to_string();
        let estimate = |count, share| of_blocks(&blocks(count), share, 0.95);
        insta::assert_snapshot!(error(estimate(5, 0.5).unwrap_err()), @"there are 5 blocks of time, expected at least 6; make the run longer");
        insta::assert_snapshot!(error(estimate(6, 1.0).unwrap_err()), @"the share is 1 and the confidence 0.95, expected both between 0 and 1");
        assert_eq!(of_blocks(&vec![Histogram::default(); 6], 0.5, 0.95), Err(NoInterval::NoValue));
        let (median, p99) = (estimate(6, 0.5).unwrap(), estimate(6, 0.99).unwrap());
        assert_eq!((median.high_ns.is_some(), p99.high_ns), (true, None), "sixty values do not bound a p99");
        assert!(error(Ratio::new(&p99, &p99).unwrap_err()).starts_with("0."));
        insta::assert_snapshot!(error(Ratio::new(&median, &estimate(7, 0.5).unwrap()).unwrap_err()), @"one side has 6 blocks of time and the other 7, expected pairs");
    }

    #[test]
    fn a_drift_is_noticed() {
        let drift: Vec<f64> = (0..20).map(|block| f64::from(block) / 10.0).collect();
        assert!(of_blocks(&stream(1, &drift, 1e6, 0.0, 100), 0.5, 0.95).unwrap().is_drifting);
        let noticed = (0..100)
            .filter(|seed| {
                of_blocks(&stream(*seed, &[0.0; 20], 1e6, 0.0, 50), 0.5, 0.95).unwrap().is_drifting
            })
            .count();
        assert!(noticed <= 12, "{noticed} of 100 without a drift");
    }

    #[test]
    fn equivalence_needs_both_ends_within_the_margin() {
        let within = |low, high| Ratio { ratio: 1.0, low, high }.is_within(0.05);
        assert!(within(Some(0.953), Some(1.05)));
        for (low, high) in
            [(Some(0.952), Some(1.0)), (Some(1.0), Some(1.051)), (None, Some(1.0)), (Some(1.0), None)]
        {
            assert!(!within(low, high), "{low:?} {high:?}");
        }
    }

    proptest! {
        #[test]
        fn any_blocks_have_an_interval_around_the_percentile_or_none(
            blocks in prop::collection::vec(prop::collection::vec(0..4_000_000_000_000_u64, 0..20), 0..12),
            share in 0.0..1.0_f64,
            confidence in 0.0..1.0_f64,
        ) {
            let blocks: Vec<_> = blocks.iter().map(|values| histogram(values)).collect();
            if let Ok(estimate) = of_blocks(&blocks, share, confidence) {
                prop_assert!(estimate.low_ns <= estimate.value_ns);
                prop_assert!(estimate.high_ns.is_none_or(|high_ns| high_ns >= estimate.value_ns));
                prop_assert!(estimate.effective_count > 0.0);
                let sum: f64 = estimate.spread.windows.iter().sum();
                prop_assert!(sum.abs() < 1e-6, "{}", sum);
                let _ = Ratio::new(&estimate, &estimate);
                if let Ok(difference) = Difference::new(&estimate, &estimate) {
                    prop_assert!(difference.low_ns.is_none_or(|low_ns| low_ns <= difference.ns));
                    prop_assert!(difference.high_ns.is_none_or(|high_ns| high_ns >= difference.ns));
                }
            }
        }
    }
}
