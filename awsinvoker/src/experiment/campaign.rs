//! When a campaign of cold starts is over: what was to be known is known well enough, or the budget is spent.

use std::fmt;

use run_record::comparison::{Comparison, Figure, Measure, Scope, Statistic, Value};
use run_record::run_dir::RunDir;
use run_record::units;

use super::plan::{Cold, Until};

/// What a campaign has taken so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Spent {
    /// How long its runs took, in nanoseconds.
    pub(super) time_ns: u64,
    /// What its calls cost on AWS, as far as it is known, in US dollars.
    pub(super) usd: f64,
}

/// Why a campaign is over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Over {
    /// The percentile is known well enough.
    Known { statistic: Statistic, within: f64 },
    /// Its time is over.
    Time { spent_s: f64 },
    /// Its money is spent.
    Money { spent_usd: f64 },
}

impl Spent {
    /// Adds the run in this folder.
    pub(super) fn add(&mut self, run_dir: &RunDir) {
        let end = run_dir.read_info().ok().and_then(|info| info.end);
        self.time_ns = self.time_ns.saturating_add(end.map_or(0, |end| end.finished_ns));
        let costs = run_dir.read_summary().map(|summary| summary.endpoints).unwrap_or_default();
        let billed =
            costs.iter().filter_map(|endpoint| endpoint.cost.as_ref().filter(|cost| cost.on_aws)?.usd);
        self.usd += billed.sum::<f64>();
    }
}

/// Why a campaign is over, if it is. `comparison` holds what is known so far, if something is.
pub(super) fn over(cold: &Cold, spent: Spent, comparison: Option<&Comparison>) -> Option<Over> {
    let known = cold.until.zip(comparison).and_then(|(until, comparison)| {
        let within = within(until, comparison)?;
        (within <= until.within).then_some(Over::Known { statistic: until.statistic, within })
    });
    let time = cold.max_time_ns.filter(|max| spent.time_ns >= *max);
    let money = cold.max_usd.filter(|max| spent.usd >= *max);
    known
        .or_else(|| time.map(|_| Over::Time { spent_s: units::s(spent.time_ns) }))
        .or_else(|| money.map(|_| Over::Money { spent_usd: spent.usd }))
}

/// Within which share of it the percentile of each side is known; absent if that of one is not.
pub(super) fn within(until: Until, comparison: &Comparison) -> Option<f64> {
    let mut greatest: f64 = 0.0;
    for contrast in &comparison.contrasts {
        let figure = figure(&contrast.figures, until.statistic)?;
        for value in [&figure.baseline, &figure.candidate] {
            greatest = greatest.max(width(value.as_ref()?)?);
        }
    }
    (!comparison.contrasts.is_empty()).then_some(greatest)
}

/// The percentile of cold starts, or of all calls where the platform does not tell which are cold.
fn figure(figures: &[Figure], statistic: Statistic) -> Option<&Figure> {
    let of = |scope| {
        figures.iter().find(|figure| {
            figure.scope == scope && figure.measure == Measure::Response && figure.statistic == statistic
        })
    };
    let is_told = |figure: &&Figure| figure.baseline.is_some() && figure.candidate.is_some();
    of(Scope::Cold).filter(is_told).or_else(|| of(Scope::All))
}

fn width(value: &Value) -> Option<f64> {
    Some((value.high_us? / value.us - 1.0).max(1.0 - value.low_us? / value.us))
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known { statistic, within } => {
                write!(f, "the {} of each side is known within {:.1} %", statistic.name(), 100.0 * within)
            }
            Self::Time { spent_s } => write!(f, "its time is over: the runs took {spent_s:.0} s"),
            Self::Money { spent_usd } => write!(f, "its money is spent: the calls cost {spent_usd:.6} USD"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::made_up::{comparison, figure};
    use super::*;

    #[test]
    fn a_campaign_ends_when_each_side_is_known_or_something_is_spent() {
        let until = Until { statistic: Statistic::P50, within: 0.1 };
        let cold = Cold {
            until: Some(until),
            max_time_ns: Some(60 * units::NS_PER_S),
            max_usd: Some(0.5),
            ..Cold::default()
        };
        let narrow = [figure(Scope::Cold, Some([95.0, 108.0])), figure(Scope::All, Some([50.0, 200.0]))];
        let wide = [figure(Scope::Cold, Some([80.0, 108.0]))];
        let untold = [figure(Scope::Cold, None), figure(Scope::All, Some([95.0, 104.0]))];
        let unknown = [figure(Scope::Cold, None), figure(Scope::All, None)];
        let little = Spent { time_ns: 59 * units::NS_PER_S, usd: 0.4 };
        let over = |contrasts: &[&[Figure]], spent| {
            super::over(&cold, spent, Some(&comparison(contrasts))).map(|over| over.to_string())
        };
        let known = "the p50 of each side is known within 8.0 %".to_owned();
        assert_eq!(over(&[&narrow], little), Some(known.clone()));
        assert_eq!(over(&[&narrow, &untold], little), Some(known));
        for not_known in [&[&narrow[..], &wide][..], &[&narrow, &unknown], &[]] {
            assert_eq!(over(not_known, little), None);
        }
        let spent = |time_s: u64, usd| Spent { time_ns: time_s * units::NS_PER_S, usd };
        assert_eq!(over(&[&wide], spent(60, 0.0)).unwrap(), "its time is over: the runs took 60 s");
        assert_eq!(over(&[], spent(0, 0.5)).unwrap(), "its money is spent: the calls cost 0.500000 USD");
        assert_eq!(super::over(&Cold::default(), spent(999, 9.0), None), None, "nothing limits it");
    }
}
