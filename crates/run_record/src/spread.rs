//! How widely a sum varies whose values depend on each other: those of a window of time, and those of an environment.
//!
//! Each value contributes a deviation, and the deviations of all values add up to zero. The variance of their sum follows from
//! how the sums of windows vary, and from how those of environments vary beyond what chance within both explains (the two-way
//! clustered variance). Environments that live in one window alone add nothing: what they differ by is in the window's sum.
//! Where some environments answer more often than others, the sums tell less of how much environments differ than they depend
//! on it, which the variance makes up for.
//!
//! How well the variance of a difference of two sides is known follows from how well its parts are (Welch and Satterthwaite).

use std::collections::BTreeMap;

use statrs::distribution::{ChiSquared, ContinuousCDF as _, Normal, StudentsT};

/// With fewer environments, weighted by how often they answered, nearly all values come from one of them, so nothing is known
/// of how much environments differ: what intervals tell holds for this environment.
pub const MIN_ENVIRONMENTS: f64 = 1.25;

/// Above this correlation of neighbouring windows, times the root of their number, there is a drift in all but 5 % of the cases.
const DRIFT: f64 = 1.645;

/// How often a variance may be greater than it is taken to be at most.
const MAY_BE_GREATER: f64 = 0.05;

/// Above this share of the values of a window, an environment is compared with hardly any other of this window.
const NEARLY_ALL: f64 = 0.9;

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
    /// What they add at most.
    of_environments_at_most: f64,
    /// How many environments, all answering equally often, would tell as much.
    environments: f64,
}

/// The deviations of one environment.
#[derive(Clone, Debug, Default)]
struct OfEnvironment {
    /// How many values there are.
    count: f64,
    /// The sum of their deviations.
    sum: f64,
    /// Of each window in which it answered: how many values there are, and the sum of their deviations from what the window
    /// did to all environments.
    cells: Vec<(f64, f64)>,
}

impl OfEnvironment {
    /// Adds the values of a window, of which all environments together have this number with this sum.
    fn add(&mut self, deviation: &Deviation, (all_count, all_sum): (f64, f64)) {
        let (count, sum) = (deviation.count as f64, deviation.sum);
        self.count += count;
        self.sum += sum;
        let share = if all_count > 0.0 { count / all_count } else { 1.0 };
        // The window's mean is drawn towards the environments that answer most, which the root makes up for.
        let own = if share > NEARLY_ALL { sum } else { (sum - share * all_sum) / (1.0 - share).sqrt() };
        self.cells.push((count, own));
    }

    /// The variance of its sum by chance: how much its windows differ when what holds for all of them, and what holds for a
    /// window of all environments, is taken out. It is known if it answered in more than one window.
    fn by_chance(&self) -> f64 {
        let sum: f64 = self.cells.iter().map(|(_, own)| own).sum();
        let rest = |(count, own): &(f64, f64)| (own - count / self.count * sum).powi(2);
        factor(self.cells.len()) * self.cells.iter().map(rest).sum::<f64>()
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
        let mut by_window = vec![(0.0, 0.0); windows];
        for deviation in deviations {
            by_window[deviation.window].0 += deviation.count as f64;
            by_window[deviation.window].1 += deviation.sum;
        }
        let mut by_environment = BTreeMap::<u32, OfEnvironment>::new();
        for deviation in deviations {
            if let Some(environment) = deviation.environment {
                by_environment.entry(environment).or_default().add(deviation, by_window[deviation.window]);
            }
        }
        let environments: Vec<OfEnvironment> = by_environment.into_values().collect();
        let known: f64 = environments.iter().map(|one| one.count).sum();
        let squares: f64 = environments.iter().map(|one| one.count.powi(2)).sum();
        let windows: Vec<f64> = by_window.into_iter().map(|(_, sum)| sum).collect();
        let number = if squares > 0.0 { known * known / squares } else { 0.0 };
        Self {
            of_windows: clustered(&windows),
            of_environments: added(&environments, 1.0),
            of_environments_at_most: added(&environments, at_most(freedom_of(number))),
            environments: number,
            windows,
        }
    }

    /// The variance of the sum. Of what windows tell and what environments tell, it is what makes an interval wider.
    pub(crate) fn variance(&self, confidence: f64) -> Variance {
        let windows = self.of_windows();
        let both = self.added().map(|added| Variance { value: windows.value + added.value, ..added });
        both.filter(|both| both.half_width(confidence) > windows.half_width(confidence)).unwrap_or(windows)
    }

    /// What windows tell.
    pub(crate) fn of_windows(&self) -> Variance {
        Variance { value: self.of_windows, freedom: freedom_of(self.windows.len() as f64) }
    }

    /// What environments add, if something is known of how much they differ.
    pub(crate) fn added(&self) -> Option<Variance> {
        // Two environments have one degree of freedom, however unequally they answer.
        let freedom = freedom_of(self.environments);
        (self.environments >= MIN_ENVIRONMENTS).then_some(Variance { value: self.of_environments, freedom })
    }

    /// The variance of the sum, if environments differ by as much as they may.
    pub(crate) fn at_most(&self) -> f64 {
        let added = if self.added().is_some() { self.of_environments_at_most } else { 0.0 };
        self.of_windows + added
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

/// How well the variance of a difference of two sides is known, which is that of their pairs of windows and what the
/// environments of each side add: the degrees of freedom by Welch and Satterthwaite. Where nothing is known of environments,
/// they are those of the windows.
pub(crate) fn freedom_of_difference(of_windows: Variance, added: [Option<Variance>; 2]) -> f64 {
    let few = added.iter().flatten().map(|part| part.freedom).fold(f64::INFINITY, f64::min);
    let many =
        added.map(|part| part.map_or(f64::INFINITY, |part| part.freedom)).into_iter().fold(0.0, f64::max);
    if few.is_infinite() {
        return of_windows.freedom;
    }
    let parts = || std::iter::once(of_windows).chain(added.into_iter().flatten());
    let value: f64 = parts().map(|part| part.value).sum();
    let squares: f64 = parts().map(|part| part.value.powi(2) / part.freedom).sum();
    let whole = if squares > 0.0 { value * value / squares } else { of_windows.freedom };
    // Few environments may be alike by chance. So they do not count for more than twice, if the other side has as few, and for
    // once if it has many.
    whole.min(few * (1.0 + few / many))
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

/// What is to be expected of intervals from so many windows, before there is one: those of a normally distributed logarithm of
/// a ratio whose variance is estimated from its windows.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    windows: f64,
}

impl Expected {
    /// The share of experiments that are to find what there is to be found.
    const POWER: f64 = 0.8;
    /// More windows are not tried.
    const MAX_WINDOWS: u32 = 100_000;

    /// Of at least two windows.
    pub fn new(windows: usize) -> Self {
        Self { windows: windows.max(2) as f64 }
    }

    /// Half of the width of an interval, if what is estimated varies by `of_window` in one window.
    pub fn half_width(self, confidence: f64, of_window: f64) -> f64 {
        student(self.windows - 1.0, confidence) * of_window / self.windows.sqrt()
    }

    /// The least difference that four of five experiments find, if half of the width of their intervals of 95 % is this.
    pub fn found(self, half_width: f64) -> f64 {
        half_width * (1.0 + normal(Self::POWER) / student(self.windows - 1.0, 0.95))
    }

    /// How many windows it takes that four of five experiments recognise equal systems as equivalent, if half of the width of the
    /// intervals of 95 % from these windows is `half_width`, and two values are equivalent within `margin`, both in logarithms.
    pub fn pairs_for_equivalence(self, half_width: f64, margin: f64) -> Option<u32> {
        let of_window = half_width / self.half_width(0.95, 1.0);
        // An interval of 90 % has to lie within the margin, on whichever side of 0 its centre is.
        let is_enough = |windows: &u32| {
            let expected = Self::new(*windows as usize);
            let deviation = of_window / expected.windows.sqrt();
            expected.half_width(0.9, of_window) + normal(f64::midpoint(1.0, Self::POWER)) * deviation
                <= margin
        };
        // The more windows, the narrower are intervals.
        let numbers: Vec<u32> = (6..=Self::MAX_WINDOWS).collect();
        numbers.get(numbers.partition_point(|windows| !is_enough(windows))).copied()
    }
}

/// How much the logarithm of a percentile varies from window to window, if that of each of its `calls` is normally distributed
/// with this deviation, and that of the whole window varies by `of_window`.
pub fn of_lognormal(share: f64, deviation: f64, calls: f64, of_window: f64) -> f64 {
    let at = normal(share);
    let density = (-at * at / 2.0).exp() / (std::f64::consts::TAU.sqrt() * deviation);
    (of_window * of_window + share * (1.0 - share) / (calls * density * density)).sqrt()
}

/// What the standard normal distribution does not exceed with this probability.
fn normal(probability: f64) -> f64 {
    Normal::new(0.0, 1.0).map_or(f64::INFINITY, |normal| normal.inverse_cdf(probability))
}

/// What Student's distribution does not exceed on either side with this confidence.
pub(crate) fn student(freedom: f64, confidence: f64) -> f64 {
    StudentsT::new(0.0, 1.0, freedom)
        .map_or(f64::INFINITY, |student| student.inverse_cdf(1.0 - (1.0 - confidence) / 2.0))
}

/// What environments add to the variance of a sum: how much their sums vary beyond what chance within their cells explains, if
/// they vary by so many times as much as is seen.
fn added(environments: &[OfEnvironment], times: f64) -> f64 {
    let known: f64 = environments.iter().map(|one| one.count).sum();
    let weights = || environments.iter().map(|one| one.count / known);
    let squares: f64 = weights().map(|weight| weight * weight).sum();
    // Deviations are from the mean of all, which busy environments draw towards themselves.
    let seen: f64 = weights().map(|weight| weight * weight * (1.0 - 2.0 * weight + squares)).sum();
    if seen.is_nan() || seen <= 0.0 {
        return 0.0;
    }
    let beyond = |one: &OfEnvironment| times * one.sum * one.sum - (1.0 - squares) * one.by_chance();
    let lasting = environments.iter().filter(|one| one.cells.len() > 1);
    (squares / seen * lasting.map(beyond).sum::<f64>()).max(0.0)
}

/// How many times as great a variance may be as it is seen, in all but 5 % of the cases.
fn at_most(freedom: f64) -> f64 {
    ChiSquared::new(freedom).map_or(f64::INFINITY, |squares| freedom / squares.inverse_cdf(MAY_BE_GREATER))
}

/// The degrees of freedom of so many clusters.
fn freedom_of(clusters: f64) -> f64 {
    (clusters - 1.0).max(1.0)
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

    #[test]
    fn more_windows_make_narrower_intervals() {
        assert!(
            (widening(10, 40) - 0.45).abs() < 0.01,
            "half, and a little for what Student's distribution adds"
        );
    }

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
        assert!(fresh.added().is_some_and(|added| added.value.abs() < 1e-9));
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
    fn what_a_window_does_to_all_environments_does_not_hide_how_they_differ() {
        let differ = |window: usize, number: u32| {
            let of_window = 20.0 * if window.is_multiple_of(2) { 1.0 } else { -1.0 };
            by_environment(window, number) + of_window
        };
        let [with, without] = [differ, by_environment].map(|sum| spread(4, |_, number| Some(number), sum));
        let [with, without] = [with, without].map(|spread| spread.added().unwrap().value);
        assert!(without > 0.0 && (with / without - 1.0).abs() < 1e-9, "{with} {without}");
    }

    #[test]
    fn the_freedom_of_a_difference_is_that_of_what_varies_most() {
        let part = |value, freedom| Variance { value, freedom };
        let freedom = |windows, added| freedom_of_difference(part(windows, 19.0), added);
        let same = |freedom: f64, expected: f64| assert!((freedom - expected).abs() < 1e-9, "{freedom}");
        same(freedom(1.0, [None, None]), 19.0);
        // Two sides are seldom both underestimated.
        same(freedom(0.0, [Some(part(1.0, 5.0)), Some(part(1.0, 5.0))]), 10.0);
        same(freedom(0.0, [Some(part(1.0, 5.0)), None]), 5.0);
        // Environments that happen to be alike do not make few of them many.
        same(freedom(1.0, [Some(part(0.0, 1.0)), Some(part(0.0, 1.0))]), 2.0);
        same(freedom(1.0, [Some(part(0.0, 1.0)), None]), 1.0);
        same(freedom(1.0, [Some(part(0.0, 59.0)), Some(part(0.0, 59.0))]), 19.0);
        same(freedom(0.0, [Some(part(0.0, 3.0)), Some(part(0.0, 3.0))]), 6.0);
    }

    #[test]
    fn a_slow_wave_is_a_drift_and_noise_is_none() {
        let wave = |window: usize, _| if window < WINDOWS / 2 { 1.0 } else { -1.0 };
        assert!(spread(1, |_, _| None, wave).is_drifting());
        let noise = |window: usize, _| if window.is_multiple_of(2) { 1.0 } else { -1.0 };
        assert!(!spread(1, |_, _| None, noise).is_drifting());
    }
}
