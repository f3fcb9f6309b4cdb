//! Intervals of means and of their ratios for latencies that depend on each other: the jackknife over windows of time, which
//! leaves out one pair of windows at a time, with what environments add.

use crate::observations::Observations;
use crate::percentile_interval::{MIN_BLOCKS, NoInterval, is_within};
use crate::spread::{Variance, freedom_of_difference};

/// An estimate with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeanInterval {
    /// The estimate.
    pub estimate: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl MeanInterval {
    /// Whether a ratio is within the margin, as [`Ratio::is_within`](crate::percentile_interval::Ratio::is_within) is.
    pub fn is_within(&self, margin: f64) -> bool {
        is_within(self.low, self.high, margin)
    }
}

/// The means of one side: of all windows, and of all but each one.
struct Means {
    of_all: f64,
    without_each: Vec<f64>,
}

/// The mean of the values in nanoseconds.
///
/// # Errors
/// There are too few windows, or a mean is not known, or 0.
pub fn mean(side: &Observations, confidence: f64) -> Result<MeanInterval, NoInterval> {
    let means = Means::new(side)?;
    let added = [added(side, &means, 1.0 / means.of_all), None];
    Ok(in_logarithms(means.of_all.ln(), half_width(&logarithms(&means)?, added, confidence)))
}

/// The mean of the candidate's values by that of the baseline's.
///
/// # Errors
/// As of [`mean`], or the windows are not pairs.
pub fn ratio(
    baseline: &Observations,
    candidate: &Observations,
    confidence: f64,
) -> Result<MeanInterval, NoInterval> {
    let [one, other] = pair(baseline, candidate)?;
    let each = differences(&logarithms(&one)?, &logarithms(&other)?);
    let added = [added(baseline, &one, 1.0 / one.of_all), added(candidate, &other, 1.0 / other.of_all)];
    Ok(in_logarithms((other.of_all / one.of_all).ln(), half_width(&each, added, confidence)))
}

/// The mean of the candidate's values less that of the baseline's, in nanoseconds.
///
/// # Errors
/// As of [`ratio`].
pub fn difference(
    baseline: &Observations,
    candidate: &Observations,
    confidence: f64,
) -> Result<MeanInterval, NoInterval> {
    let [one, other] = pair(baseline, candidate)?;
    let each = differences(&one.without_each, &other.without_each);
    let added = [added(baseline, &one, 1.0), added(candidate, &other, 1.0)];
    let estimate = other.of_all - one.of_all;
    let half = half_width(&each, added, confidence);
    Ok(MeanInterval { estimate, low: estimate - half, high: estimate + half })
}

fn pair(baseline: &Observations, candidate: &Observations) -> Result<[Means; 2], NoInterval> {
    let (one, other) = (baseline.windows(), candidate.windows());
    if one != other {
        return Err(NoInterval::Unpaired { one, other });
    }
    Ok([Means::new(baseline)?, Means::new(candidate)?])
}

fn differences(baseline: &[f64], candidate: &[f64]) -> Vec<f64> {
    baseline.iter().zip(candidate).map(|(one, other)| other - one).collect()
}

impl Means {
    fn new(side: &Observations) -> Result<Self, NoInterval> {
        let windows = side.sums();
        if windows.len() < MIN_BLOCKS {
            return Err(NoInterval::FewBlocks { blocks: windows.len() });
        }
        let all = windows.iter().fold((0.0, 0.0), |all, window| (all.0 + window.0, all.1 + window.1));
        if windows.iter().any(|window| all.0 - window.0 <= 0.0) {
            return Err(NoInterval::NoValue);
        }
        Ok(Self {
            of_all: all.1 / all.0,
            without_each: windows.iter().map(|window| (all.1 - window.1) / (all.0 - window.0)).collect(),
        })
    }
}

fn logarithms(means: &Means) -> Result<Vec<f64>, NoInterval> {
    let is_positive = |mean: &f64| *mean > 0.0;
    if !is_positive(&means.of_all) || !means.without_each.iter().all(is_positive) {
        return Err(NoInterval::Zero);
    }
    Ok(means.without_each.iter().map(|mean| mean.ln()).collect())
}

/// What environments add to the variance of a mean that is multiplied by `scale`, if something is known of them.
fn added(side: &Observations, means: &Means, scale: f64) -> Option<Variance> {
    let spread = side.spread(|values| values.sum_ns() - means.of_all * values.count() as f64);
    let per_value = scale / side.all().count() as f64;
    spread.added().map(|added| Variance { value: added.value * per_value * per_value, ..added })
}

fn in_logarithms(estimate: f64, half: f64) -> MeanInterval {
    MeanInterval { estimate: estimate.exp(), low: (estimate - half).exp(), high: (estimate + half).exp() }
}

/// Half of the width of an interval around an estimate, from the estimates without each window, and from what the environments
/// of each side add.
fn half_width(each: &[f64], added: [Option<Variance>; 2], confidence: f64) -> f64 {
    let windows = each.len() as f64;
    let mean = each.iter().sum::<f64>() / windows;
    let squares: f64 = each.iter().map(|one| (one - mean).powi(2)).sum();
    let of_windows = Variance { value: (windows - 1.0) / windows * squares, freedom: windows - 1.0 };
    let value = of_windows.value + added.iter().flatten().map(|part| part.value).sum::<f64>();
    let both = Variance { value, freedom: freedom_of_difference(of_windows, added) };
    of_windows.half_width(confidence).max(both.half_width(confidence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observations::Cell;
    use crate::sparse_histogram::SparseHistogram;

    /// A window for each of these times, in which one environment took it twice.
    fn side(times_ns: &[u64]) -> Observations {
        let cell = |(window, time_ns): (usize, &u64)| {
            let mut values = SparseHistogram::default();
            (0..2).for_each(|_| values.record(*time_ns));
            Cell { window, environment: Some(0), values }
        };
        Observations::new(times_ns.len(), times_ns.iter().enumerate().map(cell).collect())
    }

    #[test]
    fn sides_that_rise_and_fall_together_have_an_exact_ratio() {
        let baseline = side(&[1_000, 2_000, 3_000, 4_000, 5_000, 6_000]);
        let candidate = side(&[1_500, 3_000, 4_500, 6_000, 7_500, 9_000]);
        let ratio = ratio(&baseline, &candidate, 0.95).unwrap();
        assert!((ratio.estimate - 1.5).abs() < 1e-9 && ratio.high - ratio.low < 1e-9, "{ratio:?}");
        let difference = difference(&baseline, &candidate, 0.95).unwrap();
        assert!((difference.estimate - 1_750.0).abs() < 1e-9, "{difference:?}");
        assert!(difference.low < 1_750.0 && difference.high > 1_750.0, "{difference:?}");
    }

    /// Of means, the jackknife is the usual interval: the standard deviation of 1 to 6 is 1.871, so that of their mean is
    /// 0.764, and Student's factor for five degrees of freedom is 2.571.
    #[test]
    fn the_difference_of_means_has_the_usual_interval() {
        let baseline = side(&[10_000; 6]);
        let candidate = side(&[11_000, 12_000, 13_000, 14_000, 15_000, 16_000]);
        let difference = difference(&baseline, &candidate, 0.95).unwrap();
        let half = 2.570_6 * 763.76;
        assert!((difference.low - (3_500.0 - half)).abs() < 1.0, "{difference:?}");
        assert!((difference.high - (3_500.0 + half)).abs() < 1.0, "{difference:?}");
    }

    #[test]
    fn a_ratio_of_means_is_within_a_margin_as_one_of_percentiles_is() {
        for (low, high, is_within) in [(0.953, 1.05, true), (0.952, 1.0, false), (1.0, 1.051, false)] {
            let ratio = MeanInterval { estimate: 1.0, low, high };
            assert_eq!(ratio.is_within(0.05), is_within, "{ratio:?}");
        }
    }

    #[test]
    fn what_has_no_interval_is_refused() {
        let good = side(&[1_000; 6]);
        assert_eq!(mean(&side(&[1_000; 5]), 0.95), Err(NoInterval::FewBlocks { blocks: 5 }));
        assert_eq!(ratio(&good, &side(&[1_000; 7]), 0.95), Err(NoInterval::Unpaired { one: 6, other: 7 }));
        assert_eq!(ratio(&good, &side(&[0; 6]), 0.95), Err(NoInterval::Zero));
        assert_eq!(mean(&Observations::new(6, Vec::new()), 0.95), Err(NoInterval::NoValue));
    }
}
