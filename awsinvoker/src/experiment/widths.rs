//! How wide the intervals of ratios will be, and what differences they will show.

use std::fmt;

use run_record::comparison::{Comparison, Scope, Statistic};
use run_record::experiment::Mode;
use run_record::percentile_interval::{MIN_ABOVE, MIN_BLOCKS};
use run_record::spread::{Expected, widening};
use run_record::units::counted;

use super::outcome;
use super::plan::ExperimentPlan;

/// The percentiles of which widths are told.
const TOLD: [Statistic; 3] = [Statistic::P50, Statistic::P90, Statistic::P99];
/// How much the logarithms of the latencies of warm calls vary, if nothing is known of them.
const WARM_CALLS: f64 = 0.3;
/// The same of cold starts.
const COLD_CALLS: f64 = 0.25;
/// How much a side of a window varies by what the other side does not share, in one run and in interleaved ones. With these,
/// the widths are those that were measured with one warm function under two names: ± 2.7 and ± 4.3 % from 13 windows.
const IN_TURN: f64 = 0.03;
const INTERLEAVED: f64 = 0.05;

/// How far the ends of the intervals of ratios will be from the ratios.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Widths {
    told: Vec<(Statistic, Width)>,
    /// How many pairs the intervals will come from.
    pairs: u32,
    margin: f64,
    source: Source,
}

/// What is known of an interval.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Width {
    /// How far its ends will be from the ratio, as a share of it.
    Share(f64),
    /// There will be none, since so few calls will lie above the percentile.
    FewAbove(f64),
    Unknown,
}

/// Where widths are known from.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Source {
    /// So many pairs of this experiment.
    Pairs(u32),
    /// What is supposed of calls and windows of this mode.
    Supposed(Supposed),
}

/// What is supposed of a plan that has no runs, as shares.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Supposed {
    is_cold: bool,
    /// How much the logarithms of calls vary.
    calls: f64,
    /// How much a side of a window varies by what the other side does not share.
    windows: f64,
}

impl Supposed {
    fn new(mode: Mode) -> Self {
        let (is_cold, calls, windows) = match mode {
            Mode::RoundRobin => (false, WARM_CALLS, IN_TURN),
            Mode::Interleaved => (false, WARM_CALLS, INTERLEAVED),
            Mode::Cold => (true, COLD_CALLS, IN_TURN),
        };
        Self { is_cold, calls, windows }
    }

    /// The interval from this number of pairs, each with so many calls of a side.
    fn width(self, statistic: Statistic, pairs: u32, calls: f64) -> Width {
        let Some(share) = statistic.share() else { return Width::Unknown };
        let above = calls * f64::from(pairs) * (1.0 - share);
        if above < MIN_ABOVE {
            return Width::FewAbove(above);
        }
        let of_side = run_record::spread::of_lognormal(share, self.calls, calls, self.windows);
        // Both sides vary.
        let half = Expected::new(pairs as usize).half_width(0.95, of_side * 2_f64.sqrt());
        Width::Share(half.exp_m1())
    }
}

impl Widths {
    /// Those to expect of a plan. `made` holds the comparison of the pairs that are complete, and how many these are. A side has
    /// so many calls in a window.
    pub(super) fn new(plan: &ExperimentPlan, made: Option<(&Comparison, u32)>, calls: f64) -> Self {
        let pairs = plan.pairs;
        let until = plan.cold.as_ref().and_then(|cold| cold.until).map(|until| until.statistic);
        let statistics = TOLD.into_iter().chain(until.filter(|statistic| !TOLD.contains(statistic)));
        let (source, width): (_, Box<dyn Fn(Statistic) -> Width>) = match made {
            Some((comparison, known_from)) => {
                let scope = if plan.mode == Mode::Cold { Scope::Cold } else { Scope::All };
                let factor = widening(known_from as usize, pairs as usize);
                let width = move |statistic| {
                    outcome::width(comparison, scope, statistic)
                        .map_or(Width::Unknown, |width| Width::Share(width * factor))
                };
                (Source::Pairs(known_from), Box::new(width))
            }
            None => {
                let supposed = Supposed::new(plan.mode);
                (
                    Source::Supposed(supposed),
                    Box::new(move |statistic| supposed.width(statistic, pairs, calls)),
                )
            }
        };
        let told = statistics.map(|statistic| (statistic, width(statistic))).collect();
        Self { told, pairs, margin: plan.margin, source }
    }

    /// What the widths say of differences and of equivalence, by the first percentile that has one.
    fn power(&self) -> Option<String> {
        let expected = Expected::new(self.pairs as usize);
        let shares = |(statistic, width): &(Statistic, Width)| match width {
            Width::Share(share) => Some((statistic.name(), *share)),
            _ => None,
        };
        let known: Vec<(&str, f64)> = self.told.iter().filter_map(shares).collect();
        let found = |(name, share): &(&str, f64)| {
            format!("{name} {:.1} %", 100.0 * expected.found(share.ln_1p()).exp_m1())
        };
        let (name, share) = known.first()?;
        let takes = match expected.pairs_for_equivalence(share.ln_1p(), self.margin.ln_1p()) {
            Some(pairs) => format!("about {}", counted(pairs as u64, "pair")),
            None => "too many pairs".to_owned(),
        };
        Some(format!(
            "found in four of five experiments: differences from {}\nequivalence within {} % of equal systems, recognised in \
             four of five at {name}: takes {takes}",
            known.iter().map(found).collect::<Vec<_>>().join(", "),
            100.0 * self.margin,
        ))
    }
}

impl fmt::Display for Widths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { told, pairs, source, .. } = self;
        if (*pairs as usize) < MIN_BLOCKS {
            let pairs = counted((*pairs).into(), "pair");
            return write!(f, "none from {pairs}, expected at least {MIN_BLOCKS}");
        }
        let worded = told.iter().map(|(statistic, width)| {
            let name = statistic.name();
            match width {
                Width::Share(share) => format!("{name} ± {:.1} %", 100.0 * share),
                Width::FewAbove(above) => {
                    format!(
                        "{name} refused ({above:.1} calls of a side lie above, expected at least {MIN_ABOVE})"
                    )
                }
                Width::Unknown => format!("{name} not known"),
            }
        });
        let worded = worded.collect::<Vec<_>>().join(", ");
        write!(f, "ratios of response latencies: {worded}, {source}")?;
        self.power().map_or(Ok(()), |power| write!(f, "\n{power}"))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pairs(pairs) => {
                write!(f, "from the {} that are complete", counted((*pairs).into(), "pair"))
            }
            Self::Supposed(Supposed { is_cold, calls, windows }) => write!(
                f,
                "if {} vary by {} % and a side of a window by {} % that the other does not share: these are assumptions, and \
                 those of this plan may be far from them",
                if *is_cold { "cold starts" } else { "warm calls" },
                100.0 * calls,
                100.0 * windows
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn supposed(mode: Mode, pairs: u32, calls: f64) -> Widths {
        let supposed = Supposed::new(mode);
        let told = TOLD.map(|statistic| (statistic, supposed.width(statistic, pairs, calls))).to_vec();
        Widths { told, pairs, margin: 0.05, source: Source::Supposed(supposed) }
    }

    #[test]
    fn what_is_supposed_gives_the_widths_that_were_measured() {
        // 400 s with 50 calls a second of each side.
        let p50 = |mode| match supposed(mode, 13, 1_500.0).told[0].1 {
            Width::Share(share) => (1_000.0 * share).round() / 10.0,
            width => panic!("{width:?}"),
        };
        assert_eq!([Mode::RoundRobin, Mode::Interleaved].map(p50), [2.7, 4.4]);
    }

    #[test]
    fn each_percentile_is_told_with_what_is_supposed() {
        insta::assert_snapshot!(supposed(Mode::RoundRobin, 10, 150.0), @r"
        ratios of response latencies: p50 ± 4.4 %, p90 ± 5.3 %, p99 ± 10.2 %, if warm calls vary by 30 % and a side of a window by 3 % that the other does not share: these are assumptions, and those of this plan may be far from them
        found in four of five experiments: differences from p50 6.1 %, p90 7.4 %, p99 14.3 %
        equivalence within 5 % of equal systems, recognised in four of five at p50: takes about 15 pairs
        ");
        let few = supposed(Mode::RoundRobin, 10, 20.0).to_string();
        assert!(few.contains("p99 refused (2.0 calls of a side lie above, expected at least 4)"), "{few}");
        let cold = supposed(Mode::Cold, 40, 1.0).to_string();
        assert!(cold.contains("if cold starts vary by 25 %"), "{cold}");
        assert_eq!(supposed(Mode::Cold, 5, 1.0).to_string(), "none from 5 pairs, expected at least 6");
    }

    #[test]
    fn what_is_known_from_pairs_is_told_as_it_is() {
        let widths = Widths {
            told: vec![(Statistic::P50, Width::Share(0.0123)), (Statistic::P99, Width::Unknown)],
            pairs: 6,
            margin: 0.05,
            source: Source::Pairs(7),
        };
        insta::assert_snapshot!(widths, @r"
        ratios of response latencies: p50 ± 1.2 %, p99 not known, from the 7 pairs that are complete
        found in four of five experiments: differences from p50 1.6 %
        equivalence within 5 % of equal systems, recognised in four of five at p50: takes about 6 pairs
        ");
    }
}
