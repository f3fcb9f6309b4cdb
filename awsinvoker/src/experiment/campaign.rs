//! When a campaign of cold starts is over: what was to be known is known well enough, or the budget is spent.

use std::fmt;

use run_record::comparison::{Comparison, Contrast, Figure, Measure, Scope, Statistic, Value};
use run_record::cost::CostSummary;
use run_record::experiment::Run;
use run_record::run_dir::RunDir;
use run_record::units;

use super::plan::{Cold, Until};
use crate::reading;

/// What is known of a campaign while it goes on.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// What it has taken so far.
    pub(super) spent: Spent,
    /// How many of its runs are in that.
    counted: usize,
    /// How many runs that count there were when it was last looked at what is known.
    compared: usize,
}

/// What a campaign has taken so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Spent {
    /// How long its runs took, in nanoseconds.
    pub(super) time_ns: u64,
    /// What its calls cost on AWS, as far as it is known, in US dollars.
    pub(super) usd: f64,
    /// Whether there are calls on AWS whose cost is not known.
    pub(super) has_unknown: bool,
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
    /// It has an end by money, and it is not known what was spent.
    Unknown,
}

impl Progress {
    /// Adds the runs that are over and were not added before. Those that are discarded have cost as much as others.
    pub(super) fn add(&mut self, runs: &[Run], mut run_dir: impl FnMut(&Run) -> RunDir) {
        for run in runs.iter().skip(self.counted) {
            self.spent.add(&run_dir(run));
        }
        self.counted = runs.len();
    }

    /// Whether so many runs that count are enough more than the last time to look at what is known: to look reads all of them.
    pub(super) fn is_time_to_compare(&mut self, used: usize) -> bool {
        let is_time = used > self.compared && used.saturating_mul(10) >= self.compared.saturating_mul(11);
        if is_time {
            self.compared = used;
        }
        is_time
    }
}

impl Spent {
    /// Adds the run in this folder.
    fn add(&mut self, run_dir: &RunDir) {
        // Nothing was called before there was one.
        let Ok(info) = run_dir.read_info() else { return };
        // Of a run that was killed, as much as its samples tell.
        let read = || reading::read(run_dir, &info, &mut |_| {}).ok();
        let (known, summary) = (info.end.as_ref().map(|end| end.finished_ns), run_dir.read_summary().ok());
        let read = if known.is_none() || summary.is_none() { read() } else { None };
        let took_ns = known.or_else(|| Some(read.as_ref()?.window_ns)).unwrap_or(0);
        self.time_ns = self.time_ns.saturating_add(took_ns);
        match summary.or_else(|| Some(read?.summary)) {
            Some(summary) => {
                summary
                    .endpoints
                    .iter()
                    .filter_map(|it| it.cost.as_ref())
                    .for_each(|cost| self.add_cost(cost));
            }
            None => self.has_unknown = true,
        }
    }

    /// Adds what the calls of an endpoint cost.
    fn add_cost(&mut self, cost: &CostSummary) {
        if cost.on_aws {
            self.usd += cost.usd.unwrap_or(0.0);
            self.has_unknown |= cost.usd.is_none() && cost.requests + cost.unknown_requests > 0;
        }
    }
}

/// Why a campaign is over, if it is. `comparison` holds what is known so far, if something is.
pub(super) fn over(cold: &Cold, spent: Spent, comparison: Option<&Comparison>) -> Option<Over> {
    let known = cold.until.zip(comparison).and_then(|(until, comparison)| {
        let within = within(until, comparison)?;
        (within <= until.within).then_some(Over::Known { statistic: until.statistic, within })
    });
    let time = cold.max_time_ns.filter(|max| spent.time_ns >= *max);
    let money = cold.max_usd.and_then(|max| {
        let over = Over::Money { spent_usd: spent.usd };
        (spent.usd >= max).then_some(over).or_else(|| spent.has_unknown.then_some(Over::Unknown))
    });
    known.or_else(|| time.map(|_| Over::Time { spent_s: units::s(spent.time_ns) })).or(money)
}

/// Within which share of it the percentile of each side is known; absent if that of one is not.
pub(super) fn within(until: Until, comparison: &Comparison) -> Option<f64> {
    let mut greatest: f64 = 0.0;
    for contrast in &comparison.contrasts {
        let figure = figure(contrast, until.statistic)?;
        for value in [&figure.baseline, &figure.candidate] {
            greatest = greatest.max(width(value.as_ref()?)?);
        }
    }
    (!comparison.contrasts.is_empty()).then_some(greatest)
}

/// The percentile of cold starts, or of all calls where a side has no call that is known to be one.
fn figure(contrast: &Contrast, statistic: Statistic) -> Option<&Figure> {
    let has_both = contrast.baseline.has_cold_starts() && contrast.candidate.has_cold_starts();
    let scope = if has_both { Scope::Cold } else { Scope::All };
    contrast.figures.iter().find(|figure| {
        figure.scope == scope && figure.measure == Measure::RESPONSE && figure.statistic == statistic
    })
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
            Self::Unknown => f.write_str("`max_usd` is given, but what some of its calls cost is not known"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use run_record::experiment::RunState;

    use super::super::made_up::{comparison, figure};
    use super::*;

    fn no_cost() -> CostSummary {
        CostSummary {
            requests: 0,
            unknown_requests: 0,
            gb_s: None,
            usd: None,
            usd_per_million: None,
            reason: None,
            on_aws: false,
            cpu_unlimited: false,
        }
    }

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
        let little = Spent { time_ns: 59 * units::NS_PER_S, usd: 0.4, has_unknown: false };
        let over = |contrasts: &[&[Figure]], spent| {
            super::over(&cold, spent, Some(&comparison(contrasts))).map(|over| over.to_string())
        };
        let known = "the p50 of each side is known within 8.0 %".to_owned();
        assert_eq!(over(&[&narrow], little), Some(known.clone()));
        assert_eq!(over(&[&narrow, &untold], little), Some(known));
        for not_known in [&[&narrow[..], &wide][..], &[&narrow, &unknown], &[]] {
            assert_eq!(over(not_known, little), None);
        }
        // Of cold starts that are too few, the percentile is not known, however well that of all calls is.
        let mut few = comparison(&[&untold]);
        few.contrasts.iter_mut().for_each(|it| (it.baseline.cold, it.candidate.cold) = (Some(2), Some(2)));
        assert_eq!(super::over(&cold, little, Some(&few)), None);
        let spent = |time_s: u64, usd| Spent { time_ns: time_s * units::NS_PER_S, usd, has_unknown: false };
        assert_eq!(over(&[&wide], spent(60, 0.0)).unwrap(), "its time is over: the runs took 60 s");
        assert_eq!(over(&[], spent(0, 0.5)).unwrap(), "its money is spent: the calls cost 0.500000 USD");
        assert_eq!(super::over(&Cold::default(), spent(999, 9.0), None), None, "nothing limits it");
        let unknown = Spent { has_unknown: true, ..little };
        assert_eq!(super::over(&cold, unknown, None), Some(Over::Unknown));
        assert_eq!(super::over(&Cold { max_usd: None, ..cold }, unknown, None), None);
    }

    #[test]
    fn discarded_runs_are_paid_for_and_each_is_looked_at_once() {
        let run = |folder: &str, state| Run {
            folder: folder.to_owned(),
            system: None,
            pair: None,
            windows: Some(1),
            state,
        };
        let runs = ["1", "2", "3"].map(|folder| run(folder, RunState::Discarded));
        let (mut progress, mut seen) = (Progress::default(), Vec::new());
        for made in [2, 2, 3] {
            progress.add(&runs[..made], |run| {
                seen.push(run.folder.clone());
                RunDir::open(Path::new("/nothing/is/here"))
            });
        }
        assert_eq!(seen, ["1", "2", "3"]);
        assert_eq!(progress.spent, Spent::default(), "a run without run.json called nothing");
        let cost = |requests, usd, on_aws| CostSummary { requests, usd, on_aws, ..no_cost() };
        let mut spent = Spent::default();
        for cost in
            [cost(1, Some(0.5), true), cost(1, Some(9.0), false), cost(1, None, false), cost(0, None, true)]
        {
            spent.add_cost(&cost);
        }
        assert_eq!(spent, Spent { usd: 0.5, ..Spent::default() });
        spent.add_cost(&cost(1, None, true));
        assert!(spent.has_unknown);
    }

    #[test]
    fn what_is_known_is_looked_at_again_after_a_tenth_more() {
        let mut progress = Progress::default();
        let looks: Vec<usize> = (0..=60).filter(|used| progress.is_time_to_compare(*used)).collect();
        assert_eq!(looks[..12], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13]);
        assert!(looks.windows(2).all(|pair| pair[1] <= pair[0] + pair[0] / 10 + 1), "{looks:?}");
        assert!(looks.len() < 28, "{looks:?}");
    }
}
