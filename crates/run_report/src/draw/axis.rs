//! Axes: which values they show, and where their labels are.

use run_record::units::NS_PER_S;

/// How values are written beside an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Labels {
    /// Nanoseconds, in the unit that suits each.
    Duration,
    /// Plain numbers.
    Number,
    /// Shares from 0 to 1, in percent.
    Percent,
}

/// How values lie on an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scale {
    Linear,
    Logarithmic,
    /// Shares from 0 to 1 by the logarithm of 1 / (1 - share), as HdrHistogram's plots have them.
    Percentile,
}

/// An axis.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    pub(crate) title: String,
    scale: Scale,
    labels: Labels,
    /// The values at its ends.
    low: f64,
    high: f64,
}

impl Axis {
    /// An axis from 0 to a value.
    pub(crate) fn linear(title: &str, labels: Labels, high: f64) -> Self {
        let high = if high > 0.0 { high } else { 1.0 };
        Self { title: title.to_owned(), scale: Scale::Linear, labels, low: 0.0, high }
    }

    /// A logarithmic axis on which all of these values are. Those that are not above 0 are left out.
    pub(crate) fn logarithmic(title: &str, labels: Labels, values: impl IntoIterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.into_iter().filter(|value| *value > 0.0 && value.is_finite()).collect();
        let low = values.iter().copied().reduce(f64::min).unwrap_or(1.0);
        let high = values.iter().copied().reduce(f64::max).unwrap_or(10.0);
        // Never so narrow that what is shown is noise.
        let room = (high / low).ln().mul_add(0.04, 0.05).exp();
        Self {
            title: title.to_owned(),
            scale: Scale::Logarithmic,
            labels,
            low: low / room,
            high: high * room,
        }
    }

    /// Shares up to that of all but one of so many values.
    pub(crate) fn percentiles(title: &str, count: u64) -> Self {
        let count = (count.max(10) as f64).min(1e7);
        Self {
            title: title.to_owned(),
            scale: Scale::Percentile,
            labels: Labels::Percent,
            low: 0.0,
            high: 1.0 - 1.0 / count,
        }
    }

    /// The greatest value.
    pub(crate) fn high(&self) -> f64 {
        self.high
    }

    /// Where a value lies, from 0 at the low end to 1 at the high one. Those outside lie at the ends.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let place = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Logarithmic => (value / self.low).ln() / (self.high / self.low).ln(),
            Scale::Percentile => (1.0 - value).ln() / (1.0 - self.high).ln(),
        };
        if place.is_nan() { 0.0 } else { place.clamp(0.0, 1.0) }
    }

    /// The value at a place from 0 to 1.
    pub(crate) fn value(&self, place: f64) -> f64 {
        match self.scale {
            Scale::Linear => self.low + place * (self.high - self.low),
            Scale::Logarithmic => self.low * (self.high / self.low).powf(place),
            Scale::Percentile => 1.0 - (1.0 - self.high).powf(place),
        }
    }

    /// The values that have a label: as many as have room, as `fits` says.
    pub(crate) fn ticks(&self, fits: impl Fn(&[f64]) -> bool) -> Vec<f64> {
        let is_inside = |value: &f64| (self.low..=self.high * (1.0 + 1e-9)).contains(value);
        let choices = self.choices().into_iter().map(|choice| choice.into_iter().filter(is_inside).collect());
        choices.filter(|choice: &Vec<f64>| fits(choice)).last().unwrap_or_default()
    }

    /// The text of a label.
    pub(crate) fn label(&self, value: f64) -> String {
        match self.labels {
            Labels::Duration => duration(value),
            Labels::Number => plain(value),
            Labels::Percent => format!("{}%", plain(value * 100.0)),
        }
    }

    /// What may have labels, from few values to many.
    fn choices(&self) -> Vec<Vec<f64>> {
        match self.scale {
            Scale::Linear => self.multiples(),
            Scale::Percentile => {
                let nines = || (1..=7).map(|nines| 1.0 - 0.1_f64.powi(nines));
                let with = |more: &[f64]| sorted(nines().chain([0.0]).chain(more.iter().copied()));
                vec![with(&[]), with(&[0.5]), with(&[0.5, 0.95, 0.995])]
            }
            Scale::Logarithmic => {
                let mut choices = vec![self.decades(&[1.0], 3), self.decades(&[1.0], 1)];
                choices.extend([self.decades(&[1.0, 3.0], 1), self.decades(&[1.0, 2.0, 5.0], 1)]);
                if self.high / self.low < 4.0 {
                    choices.extend(self.multiples());
                }
                choices
            }
        }
    }

    /// Powers of ten, or every so many of them, times these numbers.
    fn decades(&self, times: &[f64], step: i32) -> Vec<f64> {
        let (first, last) = (whole(self.low.log10().floor()), whole(self.high.log10().ceil()));
        let powers = (first..=last).filter(|power| power.rem_euclid(step) == 0);
        sorted(powers.flat_map(|power| times.iter().map(move |times| times * 10_f64.powi(power))))
    }

    /// Multiples of 1, 2 and 5 times a power of ten: first few, then ever more.
    fn multiples(&self) -> Vec<Vec<f64>> {
        let range = self.high - self.low;
        let power = 10_f64.powf(range.log10().floor());
        let steps = [5.0, 2.0, 1.0, 0.5, 0.2, 0.1].map(|step| step * power);
        let multiples = |step: f64| {
            let first = (self.low / step).ceil();
            let count = (range / step).floor().clamp(0.0, 100.0);
            (0..=whole(count)).map(|at| (first + f64::from(at)) * step).collect()
        };
        steps.into_iter().map(multiples).collect()
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn whole(value: f64) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "float casts saturate")]
    let whole = value as i32;
    whole
}

/// Nanoseconds with no more digits than needed.
fn duration(ns: f64) -> String {
    let second = NS_PER_S as f64;
    let (unit, name) = match ns {
        ..=0.0 => return "0".to_owned(),
        ..999.5 => (1.0, "ns"),
        ..999_500.0 => (1e3, "µs"),
        ..999_500_000.0 => (1e6, "ms"),
        _ => (second, "s"),
    };
    format!("{} {name}", plain(ns / unit))
}

/// A number with at most four digits after the point, and no zero at the end.
fn plain(value: f64) -> String {
    let text = format!("{value:.5}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis, most: usize) -> Vec<String> {
        axis.ticks(|ticks| ticks.len() <= most).into_iter().map(|value| axis.label(value)).collect()
    }

    #[test]
    fn labels_suit_the_range() {
        let log = |values: [f64; 2]| Axis::logarithmic("", Labels::Duration, values);
        assert_eq!(labels(&log([2e5, 3e9]), 6), ["1 ms", "10 ms", "100 ms", "1 s"]);
        assert_eq!(labels(&log([1.2e6, 9e6]), 4), ["2 ms", "5 ms", "10 ms"]);
        assert_eq!(labels(&log([1.05e6, 1.3e6]), 6), ["1 ms", "1.1 ms", "1.2 ms", "1.3 ms"]);
        assert_eq!(labels(&Axis::linear("", Labels::Number, 180.0), 8), ["0", "50", "100", "150"]);
        assert_eq!(labels(&Axis::linear("", Labels::Duration, 4.37e6), 3), ["0", "2 ms", "4 ms"]);
        assert_eq!(labels(&Axis::percentiles("", 9_000), 5), ["0%", "50%", "90%", "99%", "99.9%"]);
        assert_eq!(labels(&Axis::percentiles("", 9_000), 4), ["0%", "90%", "99%", "99.9%"]);
        assert!(labels(&log([1.0, 1e12]), 0).is_empty());
    }

    #[test]
    fn a_value_lies_where_its_place_says() {
        let axes = [
            Axis::linear("", Labels::Number, 7.0),
            Axis::logarithmic("", Labels::Duration, [3.0, 5e9]),
            Axis::percentiles("", 1_000_000),
        ];
        for axis in axes {
            for place in [0.0, 0.3, 0.9, 1.0] {
                assert!((axis.place(axis.value(place)) - place).abs() < 1e-6, "{axis:?}");
            }
        }
        assert!(Axis::percentiles("", 100).place(1.0) >= 1.0);
        assert!(Axis::logarithmic("", Labels::Duration, []).place(0.0) <= 0.0);
    }
}
