//! Systems whose environments differ: each environment is faster or slower than the others of its program by 8.6 %.

use run_record::mean_interval;
use run_record::observations::{Cell, Observations};
use run_record::percentile_interval::{Estimate, Ratio};
use run_record::sparse_histogram::SparseHistogram;

use crate::random::Random;
use crate::{COMPARISONS, assert_percent, of_each_seed};

const WINDOWS: usize = 20;
const SCALE_NS: f64 = 1e6;
/// The coefficient of variation between environments.
const VARIATION: f64 = 0.086;

const STATISTICS: [&str; 3] = ["p50", "p99", "mean"];

/// The environments that answer in a window, each with its share of the calls.
#[derive(Clone, Copy)]
enum Pool {
    /// This many answer equally often for the whole run.
    Equal(u32),
    /// This many answer for the whole run, each with this multiple of the calls of the one before.
    Skewed(u32, f64),
    /// This many answer equally often in each window, and are gone after it.
    Fresh(u32),
}

impl Pool {
    fn shares(self) -> Vec<f64> {
        let weights: Vec<f64> = match self {
            Self::Equal(count) | Self::Fresh(count) => vec![1.0; count as usize],
            Self::Skewed(count, multiple) => (0..count).map(|at| multiple.powf(f64::from(at))).collect(),
        };
        let sum: f64 = weights.iter().sum();
        weights.into_iter().map(|weight| weight / sum).collect()
    }
}

/// A side with this number of calls in a window, whose latencies are multiplied by a factor.
fn side(seed: u64, pool: Pool, calls: f64, factor: f64) -> Vec<Cell> {
    let mut random = Random::new(seed);
    let shares = pool.shares();
    let count = shares.len() as u32;
    let mut effects: Vec<f64> = shares.iter().map(|_| VARIATION * random.normal()).collect();
    let mut cells = Vec::new();
    for window in 0..WINDOWS {
        let mut first = 0;
        if matches!(pool, Pool::Fresh(_)) {
            effects.iter_mut().for_each(|effect| *effect = VARIATION * random.normal());
            first = window as u32 * count;
        }
        for (environment, (share, effect)) in (first..).zip(shares.iter().zip(&effects)) {
            let mut values = SparseHistogram::default();
            for _ in 0..(calls * share).round() as u32 {
                values.record((SCALE_NS * factor * (0.1 * random.normal() + effect).exp()).round() as u64);
            }
            cells.push(Cell { window, environment: Some(environment), values });
        }
    }
    cells
}

/// Whether systems are called different: by the p50, by the p99 and by the mean.
fn differs(sides: [Vec<Cell>; 2]) -> [bool; 3] {
    let sides = sides.map(|cells| Observations::new(WINDOWS, cells));
    let by = |share| {
        let [baseline, candidate] = [0, 1].map(|at| Estimate::of(&sides[at], share, 0.95).unwrap());
        Ratio::new(&baseline, &candidate)
            .is_ok_and(|it| it.low.is_some_and(|low| low > 1.0) || it.high.is_some_and(|high| high < 1.0))
    };
    let mean = mean_interval::ratio(&sides[0], &sides[1], 0.95).unwrap();
    [by(0.5), by(0.99), mean.low > 1.0 || mean.high < 1.0]
}

/// How many comparisons found a difference, knowing the environments, and not. The candidate is slower by this factor.
fn different(pool: Pool, calls: f64, factor: f64) -> [[u64; 3]; 2] {
    let results = of_each_seed(|seed| {
        let known = [(1, 1.0), (2, factor)].map(|(at, factor)| side(3 * seed + at, pool, calls, factor));
        let unknown = |cells: Vec<Cell>| -> Vec<Cell> {
            cells.into_iter().map(|cell| Cell { environment: None, ..cell }).collect()
        };
        [differs(known.clone()), differs(known.map(unknown))]
    });
    [0, 1].map(|way| [0, 1, 2].map(|at| results.iter().filter(|result| result[way][at]).count() as u64))
}

/// Environments that answer for the whole run: intervals that do not know of them are far too narrow.
#[test]
#[cfg_attr(debug_assertions, ignore = "takes minutes without optimisation")]
fn environments_that_differ_do_not_make_systems_differ() {
    for (name, pool, calls) in [
        ("2 environments", Pool::Equal(2), 100.0),
        ("3 environments", Pool::Equal(3), 100.0),
        ("6 environments", Pool::Equal(6), 100.0),
        ("12 environments", Pool::Equal(12), 100.0),
        ("12 environments with 3 calls each", Pool::Equal(12), 36.0),
        ("12 unequally busy environments", Pool::Skewed(12, 0.7), 200.0),
    ] {
        let [known, naive] = different(pool, calls, 1.0);
        for (at, statistic) in STATISTICS.into_iter().enumerate() {
            assert_percent(
                &format!("{name}, {statistic}, equal but different"),
                known[at],
                COMPARISONS,
                [0.0, 7.0],
            );
            assert_percent(
                &format!("{name}, {statistic}, the same, naive"),
                naive[at],
                COMPARISONS,
                [20.0, 100.0],
            );
        }
    }
}

/// Few environments of which one answers more often than the others: as good as fewer than two, and still no single one.
#[test]
#[cfg_attr(debug_assertions, ignore = "takes minutes without optimisation")]
fn few_unequally_busy_environments_do_not_make_systems_differ() {
    for (name, pool) in [
        ("2 environments, one twice as busy", Pool::Skewed(2, 0.5)),
        ("2 environments, one four times as busy", Pool::Skewed(2, 0.25)),
        ("3 environments, each half as busy as the one before", Pool::Skewed(3, 0.5)),
    ] {
        let [known, naive] = different(pool, 100.0, 1.0);
        for (at, statistic) in STATISTICS.into_iter().enumerate() {
            let name = format!("{name}, {statistic}, equal but different");
            assert_percent(&name, known[at], COMPARISONS, [0.0, 7.0]);
            assert_percent(&format!("{name}, naive"), naive[at], COMPARISONS, [20.0, 100.0]);
        }
    }
}

/// Intervals that know of the environments are wider, and still narrow enough to find what matters.
#[test]
#[cfg_attr(debug_assertions, ignore = "takes minutes without optimisation")]
fn systems_that_differ_are_called_different() {
    for factor in [1.2, 1.5] {
        let [known, _] = different(Pool::Equal(12), 100.0, factor);
        for (at, statistic) in STATISTICS.into_iter().enumerate() {
            // Above the p99 lie too few independent values for more.
            let found = if statistic == "p99" { [5.0, 100.0] } else { [95.0, 100.0] };
            let what = format!("{factor} with 12 environments, {statistic}, different");
            assert_percent(&what, known[at], COMPARISONS, found);
        }
    }
}

/// Environments that answer in one window alone: a window is a sample of its own.
#[test]
#[cfg_attr(debug_assertions, ignore = "takes minutes without optimisation")]
fn fresh_environments_in_each_window_make_intervals_right() {
    for (name, pool) in
        [("3 fresh environments a window", Pool::Fresh(3)), ("1 fresh environment a window", Pool::Fresh(1))]
    {
        let [known, naive] = different(pool, 100.0, 1.0);
        assert_eq!(known, naive, "nothing is added");
        for (at, statistic) in STATISTICS.into_iter().enumerate() {
            assert_percent(
                &format!("{name}, {statistic}, equal but different"),
                known[at],
                COMPARISONS,
                [3.0, 7.0],
            );
        }
    }
}
