//! Which values of a sample bound a percentile of whatever the sample was drawn from.

use crate::units;

/// What may lie beyond each end of an interval: both together leave 95 %.
const TAIL: f64 = 0.025;
/// Weights below this share of the greatest do not change a sum.
const NEGLIGIBLE: f64 = 1e-18;
/// From this variance on, the ranks are those of the normal distribution. They differ from the exact ones by less than a
/// thousandth of the width of the interval.
const NORMAL_FROM: f64 = 1e6;
/// The two-sided 95 % point of the normal distribution.
const NORMAL_95: f64 = 1.959_963_984_540_054;

/// The ranks, from 1, of the two values that enclose the percentile `share` in 95 % of all samples of `count` independent
/// values. `None` if the sample is too small: at least 6, 36, 72, 368, 3688 and 36887 values are needed for p50, p90, p95,
/// p99, p99.9 and p99.99.
pub(crate) fn ranks(count: u64, share: f64) -> Option<[u64; 2]> {
    let [low, high] = unchecked(count, share);
    (low >= 1 && high <= count).then_some([low, high])
}

/// The rank, from 1, of the value that the percentile `share` exceeds in all but 2.5 % of all samples; `None` if the sample
/// is too small.
pub(crate) fn lower_rank(count: u64, share: f64) -> Option<u64> {
    let [low, _] = unchecked(count, share);
    (1..=count).contains(&low).then_some(low)
}

/// Ranks that may lie outside of the sample.
fn unchecked(count: u64, share: f64) -> [u64; 2] {
    let variance = count as f64 * share * (1.0 - share);
    if variance > NORMAL_FROM { normal(count, share) } else { binomial(count, share) }
}

fn normal(count: u64, share: f64) -> [u64; 2] {
    let (mean, variance) = (count as f64 * share, count as f64 * share * (1.0 - share));
    let distance = NORMAL_95 * variance.sqrt();
    [units::rounded((mean - distance).floor()), units::rounded((mean + distance).ceil()) + 1]
}

/// The number of values below the percentile has a binomial distribution. Its weights are computed relative to the
/// greatest one, outwards, so that none overflows.
fn binomial(count: u64, share: f64) -> [u64; 2] {
    let odds = share / (1.0 - share);
    let mode = units::rounded(((count as f64 + 1.0) * share).floor()).min(count);
    let up = |k: u64| (count - k) as f64 / (k + 1) as f64 * odds;
    let mut weights = outwards((0..mode).rev().map(|k| 1.0 / up(k)));
    let first = mode - weights.len() as u64;
    weights.reverse();
    weights.push(1.0);
    weights.extend(outwards((mode..count).map(up)));
    let total: f64 = weights.iter().sum();
    let (mut low, mut below) = (first, 0.0);
    for (k, weight) in (first..).zip(&weights) {
        if below <= TAIL * total {
            low = k;
        }
        below += weight;
        if below >= (1.0 - TAIL) * total {
            return [low, k + 1];
        }
    }
    [low, count + 1]
}

/// The products of the first factors, until they no longer count.
fn outwards(factors: impl Iterator<Item = f64>) -> Vec<f64> {
    let products = factors.scan(1.0, |weight, factor| {
        *weight *= factor;
        Some(*weight)
    });
    products.take_while(|weight| *weight > NEGLIGIBLE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_needs_so_many_values() {
        let least = [(0.5, 6), (0.9, 36), (0.95, 72), (0.99, 368), (0.999, 3688), (0.9999, 36887)];
        for (share, count) in least {
            assert_eq!(ranks(count - 1, share), None, "{share}");
            assert_eq!(ranks(count, share).map(|[_, high]| high), Some(count), "{share}");
        }
        assert_eq!(ranks(0, 0.5), None);
    }

    #[test]
    fn ranks_are_those_of_the_tables() {
        // Hahn and Meeker, Statistical Intervals, give these for the median.
        assert_eq!(ranks(10, 0.5), Some([2, 9]));
        assert_eq!(ranks(20, 0.5), Some([6, 15]));
        assert_eq!(ranks(100, 0.5), Some([40, 61]));
        // Two of fifty values may lie above a p99 by chance, but not three.
        assert_eq!(
            (lower_rank(50, 0.99), lower_rank(1, 0.99), lower_rank(0, 0.99)),
            (Some(48), Some(1), None)
        );
    }

    #[test]
    fn the_normal_distribution_takes_over_without_a_step() {
        for (count, share) in [(3_000_000, 0.5), (90_000_000, 0.99)] {
            let (exact, approximate) = (binomial(count, share), normal(count, share));
            for (exact, approximate) in exact.into_iter().zip(approximate) {
                assert!(exact.abs_diff(approximate) <= 3, "{count} {share}: {exact} {approximate}");
            }
        }
    }
}
