//! Systems whose environments differ: each environment is faster or slower than the others of its program.

use run_record::mean_interval;
use run_record::observations::{Cell, Observations};
use run_record::percentile_interval::{PercentileInterval, Ratio};
use run_record::sparse_histogram::SparseHistogram;

use crate::random::Random;
use crate::{COMPARISONS, assert_percent, of_each_seed};

const WINDOWS: usize = 20;
const SCALE_NS: f64 = 1e6;
/// The coefficient of variation between environments: of the time in a function, and of the time of whole calls.
const OF_FUNCTION: f64 = 0.086;
const OF_CALLS: f64 = 0.016;
/// What a window does to all calls of both sides, as a machine does that is now more and now less busy.
const OF_WINDOWS: f64 = 0.05;

const STATISTICS: [&str; 4] = ["p50", "p90", "p99", "mean"];

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

/// What is compared.
#[derive(Clone, Copy)]
struct Setup {
    pools: [Pool; 2],
    /// Calls of a side in a window.
    calls: f64,
    /// The coefficient of variation between environments.
    variation: f64,
    /// What a window does to all calls of both sides.
    of_windows: f64,
    /// The candidate is slower by this factor.
    factor: f64,
}

impl Setup {
    /// Equal systems with pools of one kind.
    fn new(pool: Pool, variation: f64) -> Self {
        Self { pools: [pool; 2], calls: 100.0, variation, of_windows: 0.0, factor: 1.0 }
    }
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

impl Setup {
    /// The cells of a side, given what each window does to it.
    fn side(self, seed: u64, at: usize, windows: &[f64]) -> Vec<Cell> {
        let mut random = Random::new(seed);
        let pool = self.pools[at];
        let scale_ns = SCALE_NS * if at == 1 { self.factor } else { 1.0 };
        let shares = pool.shares();
        let count = shares.len() as u32;
        let mut effects: Vec<f64> = shares.iter().map(|_| self.variation * random.normal()).collect();
        let mut cells = Vec::new();
        for (window, of_window) in windows.iter().enumerate() {
            let mut first = 0;
            if matches!(pool, Pool::Fresh(_)) {
                effects.iter_mut().for_each(|effect| *effect = self.variation * random.normal());
                first = window as u32 * count;
            }
            for (environment, (share, effect)) in (first..).zip(shares.iter().zip(&effects)) {
                let mut values = SparseHistogram::default();
                for _ in 0..(self.calls * share).round() as u32 {
                    let logarithm = 0.1 * random.normal() + effect + of_window;
                    values.record((scale_ns * logarithm.exp()).round() as u64);
                }
                cells.push(Cell { window, environment: Some(environment), values });
            }
        }
        cells
    }

    fn sides(self, seed: u64) -> [Vec<Cell>; 2] {
        let mut random = Random::new(3 * seed);
        let windows: Vec<f64> = (0..WINDOWS).map(|_| self.of_windows * random.normal()).collect();
        [0, 1].map(|at| self.side(3 * seed + 1 + at as u64, at, &windows))
    }
}

/// A ratio with its interval, in logarithms.
#[derive(Clone, Copy)]
struct Told {
    ratio: f64,
    low: Option<f64>,
    high: Option<f64>,
}

impl Told {
    fn is_different(self) -> bool {
        self.low.is_some_and(|low| low > 0.0) || self.high.is_some_and(|high| high < 0.0)
    }
}

/// The ratio of each statistic; absent if it is refused.
fn told(sides: [Vec<Cell>; 2]) -> [Option<Told>; 4] {
    let sides = sides.map(|cells| Observations::new(WINDOWS, cells));
    let by = |share| {
        let [baseline, candidate] = [0, 1].map(|at| PercentileInterval::of(&sides[at], share, 0.95).unwrap());
        let Ratio { ratio, low, high } = Ratio::new(&baseline, &candidate).ok()?;
        Some(Told { ratio: ratio.ln(), low: low.map(f64::ln), high: high.map(f64::ln) })
    };
    let mean = mean_interval::ratio(&sides[0], &sides[1], 0.95).unwrap();
    let [ratio, low, high] = [mean.estimate, mean.low, mean.high].map(f64::ln);
    [by(0.5), by(0.9), by(0.99), Some(Told { ratio, low: Some(low), high: Some(high) })]
}

/// What a thousand comparisons came to by one statistic, in percent of all or of those that told a ratio.
#[derive(Clone, Copy, Debug)]
struct Tally {
    refused: u64,
    told: u64,
    /// How many intervals do not hold 1.
    different: u64,
    /// How widely the logarithms of the ratios vary.
    deviation: f64,
    /// Half of the width of the intervals that have two ends, on average.
    half_width: f64,
}

impl Tally {
    fn new(all: &[Option<Told>]) -> Self {
        let told: Vec<Told> = all.iter().flatten().copied().collect();
        let count = told.len() as f64;
        let mean = told.iter().map(|one| one.ratio).sum::<f64>() / count;
        let squares = told.iter().map(|one| (one.ratio - mean).powi(2)).sum::<f64>();
        let widths: Vec<f64> = told.iter().filter_map(|one| Some((one.high? - one.low?) / 2.0)).collect();
        Self {
            refused: (all.len() - told.len()) as u64,
            told: told.len() as u64,
            different: told.iter().filter(|one| one.is_different()).count() as u64,
            deviation: (squares / (count - 1.0)).sqrt(),
            half_width: widths.iter().sum::<f64>() / widths.len() as f64,
        }
    }

    /// Prints how wide the intervals are beside how widely what they enclose varies.
    fn print(&self, what: &str) {
        let Self { deviation, half_width, refused, .. } = self;
        println!(
            "{what}: ratios vary by {:.2} %, half of an interval is {:.2} % ({:.2} times as much), refused {:.1} %",
            deviation * 100.0,
            half_width * 100.0,
            half_width / deviation,
            *refused as f64 / COMPARISONS as f64 * 100.0
        );
    }
}

/// What the statistics come to, knowing the environments, and not.
fn tallies(setup: Setup) -> [[Tally; 4]; 2] {
    let results = of_each_seed(|seed| {
        let known = setup.sides(seed);
        let unknown = |cells: Vec<Cell>| -> Vec<Cell> {
            cells.into_iter().map(|cell| Cell { environment: None, ..cell }).collect()
        };
        [told(known.clone()), told(known.map(unknown))]
    });
    [0, 1].map(|way| {
        [0, 1, 2, 3].map(|at| {
            let all: Vec<_> = results.iter().map(|result| result[way][at]).collect();
            Tally::new(&all)
        })
    })
}

/// Fails unless as many intervals that are told as these percentages call equal systems different. Above the median, few values
/// are told, since few environments decide them: of all comparisons, few call equal systems different.
#[track_caller]
fn check(name: &str, setup: Setup, of_median_and_mean: [f64; 2]) -> [[Tally; 4]; 2] {
    let [known, naive] = tallies(setup);
    for (at, statistic) in STATISTICS.into_iter().enumerate() {
        let what = format!("{name}, {statistic}");
        known[at].print(&what);
        let what = format!("{what}, equal but different");
        match statistic {
            "p50" | "mean" => assert_percent(&what, known[at].different, known[at].told, of_median_and_mean),
            _ => assert_percent(&format!("{what}, of all"), known[at].different, COMPARISONS, [0.0, 7.0]),
        }
    }
    [known, naive]
}

/// Environments that answer for the whole run: intervals that do not know of them are far too narrow.
#[test]
#[cfg_attr(debug_assertions, ignore = "takes minutes without optimisation")]
fn environments_that_differ_do_not_make_systems_differ() {
    let few = [0.0, 7.0];
    // The interval of a median of few independent values is a little wider than it has to be.
    let more = [1.5, 7.0];
    for (name, pools, bounds) in [
        ("2 environments", [Pool::Equal(2); 2], few),
        ("3 environments", [Pool::Equal(3); 2], more),
        ("6 environments", [Pool::Equal(6); 2], more),
        ("12 environments", [Pool::Equal(12); 2], more),
        ("12 unequally busy environments", [Pool::Skewed(12, 0.7); 2], more),
        ("2 environments, one twice as busy", [Pool::Skewed(2, 0.5); 2], few),
        ("2 environments, one four times as busy", [Pool::Skewed(2, 0.25); 2], few),
        ("3 environments, each half as busy as the one before", [Pool::Skewed(3, 0.5); 2], few),
        ("2 environments and 12", [Pool::Equal(2), Pool::Equal(12)], few),
        ("3 environments and fresh ones", [Pool::Equal(3), Pool::Fresh(3)], more),
    ] {
        let [_, naive] = check(name, Setup { pools, ..Setup::new(pools[0], OF_FUNCTION) }, bounds);
        for (at, statistic) in STATISTICS.into_iter().enumerate() {
            let what = format!("{name}, {statistic}, equal but different, naive");
            assert_percent(&what, naive[at].different, COMPARISONS, [10.0, 100.0]);
        }
    }
}

/// What a window does to all environments must not hide that they differ.
#[test]
#[cfg_attr(debug_assertions, ignore = "takes minutes without optimisation")]
fn environments_are_known_to_differ_where_windows_differ_more() {
    for count in [2, 3, 12] {
        let setup = Setup { of_windows: OF_WINDOWS, ..Setup::new(Pool::Equal(count), OF_CALLS) };
        let bounds = if count == 2 { [0.0, 7.0] } else { [3.0, 7.0] };
        check(&format!("{count} environments that differ little, windows much"), setup, bounds);
    }
}

/// Intervals that know of the environments are wider, and still narrow enough to find what matters. What a few environments
/// decide is refused.
#[test]
#[cfg_attr(debug_assertions, ignore = "takes minutes without optimisation")]
fn systems_that_differ_are_called_different() {
    let [all, none] = [[95.0, 100.0], [0.0, 2.0]];
    for (name, pool, variation, factor, found) in [
        ("12 environments", Pool::Equal(12), OF_FUNCTION, 1.2, [all, [0.0, 25.0], none, all]),
        ("12 environments", Pool::Equal(12), OF_FUNCTION, 1.5, [all, [0.0, 25.0], none, all]),
        ("48 environments", Pool::Equal(48), OF_FUNCTION, 1.2, [all, all, [10.0, 50.0], all]),
        (
            "12 environments that differ little",
            Pool::Equal(12),
            OF_CALLS,
            1.1,
            [all, all, [60.0, 100.0], all],
        ),
        ("3 fresh environments a window", Pool::Fresh(3), OF_FUNCTION, 1.2, [all, all, [60.0, 100.0], all]),
        ("12 fresh environments a window", Pool::Fresh(12), OF_FUNCTION, 1.1, [all, all, [60.0, 100.0], all]),
    ] {
        let [known, _] = tallies(Setup { factor, ..Setup::new(pool, variation) });
        for (at, statistic) in STATISTICS.into_iter().enumerate() {
            let what = format!("{name}, {statistic}, slower by {factor}");
            known[at].print(&what);
            assert_percent(&format!("{what}, different"), known[at].different, COMPARISONS, found[at]);
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
        let [known, naive] = check(name, Setup::new(pool, OF_FUNCTION), [3.0, 7.0]);
        let different = |tallies: [Tally; 4]| tallies.map(|tally| tally.different);
        assert_eq!(different(known), different(naive), "nothing is added");
    }
}
