//! How widely a sum varies whose values depend on each other: those of a window of time, and those of an environment.
//!
//! Each value contributes a deviation, and the deviations of all values add up to zero. The variance of their sum follows from
//! how the sums of windows vary, and from how those of environments vary beyond what chance within both explains (the two-way
//! clustered variance). Environments that live in one window alone add nothing: what they differ by is in the window's sum.
//! Where some environments answer more often than others, the sums tell less of how much environments differ than they depend
//! on it, which the variance makes up for.

use std::collections::BTreeMap;

use statrs::distribution::{ContinuousCDF as _, StudentsT};

/// With fewer environments, weighted by how often they answered, nearly all values come from one of them, so nothing is known
/// of how much environments differ: what intervals tell holds for this environment.
pub const MIN_ENVIRONMENTS: f64 = 1.25;

/// Above this correlation of neighbouring windows, times the root of their number, there is a drift in all but 5 % of the cases.
const DRIFT: f64 = 1.645;

/// The deviations of the values of one environment in one window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deviation {
    pub(crate) window: usize,
    /// Absent if the answers did not tell it.
    pub(crate) environment: Option<u32>,
    /// How many values there are.
    pub(crate) count: u64,
    /// The sum of their deviations.
    pub(crate) sum: f64,
}

/// How widely a sum of deviations varies.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Spread {
    /// The sum of each window.
    pub(crate) windows: Vec<f64>,
    /// The variance that the windows tell of.
    of_windows: f64,
    /// What environments add to it.
    of_environments: f64,
    /// How many environments, all answering equally often, would tell as much.
    environments: f64,
}

/// The deviations of one environment.
#[derive(Clone, Copy, Debug, Default)]
struct OfEnvironment {
    /// How many values there are.
    count: f64,
    /// The sum of their deviations.
    sum: f64,
    /// In how many windows it answered.
    cells: usize,
    /// The sum of the squares of the sums of each window.
    squares: f64,
}

impl OfEnvironment {
    fn add(&mut self, deviation: &Deviation) {
        self.count += deviation.count as f64;
        self.sum += deviation.sum;
        self.cells += 1;
        self.squares += deviation.sum * deviation.sum;
    }
}

/// A variance, and how well it is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Variance {
    pub(crate) value: f64,
    /// The degrees of freedom of Student's distribution.
    pub(crate) freedom: f64,
}

impl Spread {
    /// From deviations in this number of windows, of which there are at least two.
    pub(crate) fn new(windows: usize, deviations: &[Deviation]) -> Self {
        let mut by_window = vec![0.0; windows];
        let mut by_environment = BTreeMap::<u32, OfEnvironment>::new();
        for deviation in deviations {
            by_window[deviation.window] += deviation.sum;
            if let Some(environment) = deviation.environment {
                by_environment.entry(environment).or_default().add(deviation);
            }
        }
        let environments: Vec<OfEnvironment> = by_environment.into_values().collect();
        let known: f64 = environments.iter().map(|one| one.count).sum();
        let squares: f64 = environments.iter().map(|one| one.count.powi(2)).sum();
        Self {
            of_windows: clustered(&by_window),
            of_environments: added(&environments),
            environments: if squares > 0.0 { known * known / squares } else { 0.0 },
            windows: by_window,
        }
    }

    /// The variance of the sum. Of what windows tell and what environments tell, it is what makes an interval wider.
    pub(crate) fn variance(&self, confidence: f64) -> Variance {
        let windows = Variance { value: self.of_windows, freedom: self.windows.len() as f64 - 1.0 };
        if self.environments < MIN_ENVIRONMENTS {
            return windows;
        }
        let value = self.of_windows + self.of_environments;
        // Two environments have one degree of freedom, however unequally they answer.
        let environments = Variance { value, freedom: (self.environments - 1.0).max(1.0) };
        if environments.half_width(confidence) > windows.half_width(confidence) {
            environments
        } else {
            windows
        }
    }

    /// What environments add to the variance, if that makes an interval wider.
    pub(crate) fn added_by_environments(&self, confidence: f64) -> Option<Variance> {
        let variance = self.variance(confidence);
        (variance.value > self.of_windows || variance.freedom < self.windows.len() as f64 - 1.0)
            .then_some(Variance { value: self.of_environments, ..variance })
    }

    /// How many environments, all answering equally often, would tell as much.
    pub(crate) fn environments(&self) -> f64 {
        self.environments
    }

    /// How many windows there are.
    pub(crate) fn windows(&self) -> usize {
        self.windows.len()
    }

    /// The covariance of both sums. Both sides had the same windows, but not the same environments.
    pub(crate) fn covariance(&self, other: &Self) -> f64 {
        let product: f64 = self.windows.iter().zip(&other.windows).map(|(one, other)| one * other).sum();
        factor(self.windows.len()) * product
    }

    /// Whether neighbouring windows resemble each other.
    pub(crate) fn is_drifting(&self) -> bool {
        let squares: f64 = self.windows.iter().map(|sum| sum * sum).sum();
        let product: f64 = self.windows.iter().zip(self.windows.iter().skip(1)).map(|(a, b)| a * b).sum();
        squares > 0.0 && product / squares > DRIFT / (self.windows.len() as f64).sqrt()
    }
}

impl Variance {
    /// Half of the width of an interval, if the sum were normally distributed.
    pub(crate) fn half_width(self, confidence: f64) -> f64 {
        student(self.freedom, confidence) * self.value.sqrt()
    }
}

/// How many times as wide an interval of 95 % from `other` windows is as one from `windows`, if nothing else changes. Both
/// are at least two.
pub fn widening(windows: usize, other: usize) -> f64 {
    let width = |windows: usize| {
        let windows = windows.max(2) as f64;
        student(windows - 1.0, 0.95) / windows.sqrt()
    };
    width(other) / width(windows)
}

/// What Student's distribution does not exceed on either side with this confidence.
pub(crate) fn student(freedom: f64, confidence: f64) -> f64 {
    StudentsT::new(0.0, 1.0, freedom)
        .map_or(f64::INFINITY, |student| student.inverse_cdf(1.0 - (1.0 - confidence) / 2.0))
}

/// What environments add to the variance of a sum: how much their sums vary beyond what chance within their cells explains.
fn added(environments: &[OfEnvironment]) -> f64 {
    let known: f64 = environments.iter().map(|one| one.count).sum();
    let weights = || environments.iter().map(|one| one.count / known);
    let squares: f64 = weights().map(|weight| weight * weight).sum();
    // Deviations are from the mean of all, which busy environments draw towards themselves.
    let seen: f64 = weights().map(|weight| weight * weight * (1.0 - 2.0 * weight + squares)).sum();
    if seen.is_nan() || seen <= 0.0 {
        return 0.0;
    }
    let cells: usize = environments.iter().map(|one| one.cells).sum();
    let by_chance = (1.0 - squares) * factor(cells);
    let beyond = |one: &OfEnvironment| one.sum * one.sum - by_chance * one.squares;
    let lasting = environments.iter().filter(|one| one.cells > 1);
    (squares / seen * lasting.map(beyond).sum::<f64>()).max(0.0)
}

/// The variance of a sum of independent clusters whose expectation is zero.
fn clustered(sums: &[f64]) -> f64 {
    factor(sums.len()) * sums.iter().map(|sum| sum * sum).sum::<f64>()
}

/// What a sum of squares is too small by, because the mean is taken from the same values.
fn factor(clusters: usize) -> f64 {
    let clusters = clusters as f64;
    if clusters > 1.0 { clusters / (clusters - 1.0) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOWS: usize = 8;

    /// One deviation of 10 values for each window and environment, as `sum` says.
    fn spread(
        environments: u32,
        environment: impl Fn(usize, u32) -> Option<u32>,
        sum: fn(usize, u32) -> f64,
    ) -> Spread {
        let of_window = |window| (0..environments).map(move |number| (window, number));
        let deviations: Vec<_> = (0..WINDOWS)
            .flat_map(of_window)
            .map(|(window, number)| Deviation {
                window,
                environment: environment(window, number),
                count: 10,
                sum: sum(window, number),
            })
            .collect();
        Spread::new(WINDOWS, &deviations)
    }

    /// The one half of the environments is always above, the other below; windows differ a little.
    fn by_environment(window: usize, number: u32) -> f64 {
        let side = |is_above: bool| if is_above { 1.0 } else { -1.0 };
        5.0 * side(number.is_multiple_of(2)) + 0.1 * side(window.is_multiple_of(2))
    }

    #[test]
    fn environments_that_stay_add_what_they_differ_by() {
        let known = spread(4, |_, number| Some(number), by_environment);
        let unknown = spread(4, |_, _| None, by_environment);
        // Each of the four sums is 40 above or below: 4/3 of 4 * 40², less what chance within windows explains.
        let (with, without) = (known.variance(0.95), unknown.variance(0.95));
        assert!((with.freedom - 3.0).abs() < 1e-9 && (without.freedom - 7.0).abs() < 1e-9);
        assert!(with.value > 100.0 * without.value, "{with:?} {without:?}");
        assert!((known.environments() - 4.0).abs() < 1e-9);
        assert!(unknown.environments().abs() < 1e-9);
    }

    #[test]
    fn environments_of_one_window_add_nothing() {
        let fresh =
            spread(4, |window, number| Some(u32::try_from(window).unwrap() * 4 + number), by_environment);
        let unknown = spread(4, |_, _| None, by_environment);
        assert_eq!(fresh.variance(0.95), unknown.variance(0.95));
        assert_eq!(fresh.added_by_environments(0.95), None);
        assert!((fresh.environments() - 32.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_as_good_as_one_environment_says_nothing_of_how_they_differ() {
        // One of two answers nearly always.
        let deviation = |window, environment, count| Deviation { window, environment, count, sum: 1.0 };
        let deviations: Vec<_> = (0..WINDOWS)
            .flat_map(|window| [deviation(window, Some(0), 95), deviation(window, Some(1), 5)])
            .collect();
        let spread = Spread::new(WINDOWS, &deviations);
        assert!(spread.environments() > 1.0 && spread.environments() < MIN_ENVIRONMENTS);
        assert!((spread.variance(0.95).freedom - 7.0).abs() < 1e-9);
    }

    /// Two environments of which the first answers with this share of a hundred values a window, and the other is slower.
    fn two(share: u64) -> Spread {
        let deviation = |window, environment, count| {
            let side = if environment == 0 { -1.0 } else { 1.0 };
            Deviation { window, environment: Some(environment), count, sum: side * 20.0 }
        };
        let of_window = |window| [deviation(window, 0, share), deviation(window, 1, 100 - share)];
        Spread::new(WINDOWS, &(0..WINDOWS).flat_map(of_window).collect::<Vec<_>>())
    }

    #[test]
    fn two_unequally_busy_environments_have_one_degree_of_freedom_and_no_gap_at_two() {
        let [equal, unequal, uneven] = [50, 51, 80].map(|share| two(share).variance(0.95));
        assert!((equal.freedom - 1.0).abs() < 1e-9 && (unequal.freedom - 1.0).abs() < 1e-9);
        assert!((unequal.value / equal.value - 1.0).abs() < 0.01, "{unequal:?} {equal:?}");
        // The same sums say that environments differ more, if one of them answers more often.
        assert!(uneven.value > 2.0 * equal.value && (uneven.freedom - 1.0).abs() < 1e-9, "{uneven:?}");
    }

    #[test]
    fn a_slow_wave_is_a_drift_and_noise_is_none() {
        let wave = |window: usize, _| if window < WINDOWS / 2 { 1.0 } else { -1.0 };
        assert!(spread(1, |_, _| None, wave).is_drifting());
        let noise = |window: usize, _| if window.is_multiple_of(2) { 1.0 } else { -1.0 };
        assert!(!spread(1, |_, _| None, noise).is_drifting());
    }
}
