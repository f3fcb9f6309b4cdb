//! Every statistic of every view and part of two sides.

use run_record::budget::Part;
use run_record::comparison::{
    Arm, Claim, ColdEffect, Figure, Interval, Measure, Refusal, Scope, Statistic, Value,
};
use run_record::mean_interval::{self, MeanInterval};
use run_record::observations::Observations;
use run_record::percentile_interval::{Difference, NoInterval, PercentileInterval, Ratio};
use run_record::{View, units};

use super::input::Side;

/// What is published holds with this confidence.
const CONFIDENCE: f64 = 0.95;
/// What equivalence is told by: an interval of this confidence is wrong on either side in 5 % of the cases.
const EQUIVALENCE: f64 = 0.9;
/// With fewer equally busy environments, the time of a function is that of an environment, and not of a system.
const ENVIRONMENTS_OF_FUNCTION: f64 = 2.0;
/// If at least this share of the values above a percentile may be missing because calls failed, it is not compared.
const MISSING_ABOVE: f64 = 0.1;
/// A mean counts as this percentile, because a few slow calls that failed would change it.
const SHARE_OF_MEAN: f64 = 0.99;
/// With fewer pairs of windows, intervals hold only about.
pub(super) const GOOD_PAIRS: usize = 10;
/// With fewer effective values above a percentile, its interval holds only about.
const GOOD_ABOVE: f64 = 20.0;
/// A percentile sits in the gap between warm and cold if the share of cold starts is between these multiples of the share of
/// values above it.
const GAP: std::ops::RangeInclusive<f64> = 0.5..=2.0;

/// Two sides.
pub(super) struct Pair<'a> {
    pub(super) sides: [&'a Side; 2],
    /// The windows of each.
    pub(super) windows: [Vec<usize>; 2],
    pub(super) arms: &'a [Arm; 2],
    pub(super) is_separate: bool,
    pub(super) margin: f64,
}

/// What two sides come to by one statistic.
struct Compared {
    values: [Option<Value>; 2],
    ratio: Result<(Interval, Interval), Refusal>,
    is_equivalent: bool,
    is_approximate: bool,
    is_drifting: bool,
}

impl Pair<'_> {
    /// All statistics of which a side has a value.
    pub(super) fn figures(&self) -> Vec<Figure> {
        kinds().flat_map(|(scope, measure)| self.figures_of(scope, measure)).collect()
    }

    fn figures_of(&self, scope: Scope, measure: Measure) -> Vec<Figure> {
        let [baseline, candidate] =
            [0, 1].map(|index| self.sides[index].samples.observations(scope, measure, &self.windows[index]));
        if baseline.all().count() + candidate.all().count() == 0 {
            return Vec::new();
        }
        let figure = |statistic| self.figure(scope, measure, statistic, [&baseline, &candidate]);
        Statistic::ALL.into_iter().map(figure).collect()
    }

    fn figure(
        &self,
        scope: Scope,
        measure: Measure,
        statistic: Statistic,
        sides: [&Observations; 2],
    ) -> Figure {
        let compared = match statistic.share() {
            Some(share) => percentiles(sides, share, self.margin),
            None => means(sides, self.margin),
        };
        let no_claim = self.no_claim(measure, statistic, sides);
        let bounds = compared.ratio.as_ref().ok().map(|(ratio, _)| *ratio);
        let unclaimed = |interval: Interval| match no_claim {
            Some(_) => Interval { low: None, high: None, ..interval },
            None => interval,
        };
        // Separate runs have no pairs, so nothing but their values is known.
        let side_by_side = || side_by_side(&compared.values).filter(|_| self.is_separate);
        let (ratio, difference_us) = compared.ratio.as_ref().ok().copied().or_else(side_by_side).unzip();
        Figure {
            scope,
            measure,
            statistic,
            ratio: ratio.map(unclaimed),
            difference_us: difference_us.map(unclaimed),
            claim: if no_claim.is_some() { Claim::Nothing } else { bounds.map_or(Claim::Nothing, claim) },
            equivalent: compared.is_equivalent && no_claim.is_none(),
            refusal: no_claim.or(compared.ratio.err()),
            approximate: compared.is_approximate,
            drifting: compared.is_drifting,
            in_cold_gap: scope == Scope::All && self.is_in_gap(statistic),
            baseline: compared.values[0].clone(),
            candidate: compared.values[1].clone(),
        }
    }

    /// Why nothing may be claimed whatever the numbers are.
    fn no_claim(&self, measure: Measure, statistic: Statistic, sides: [&Observations; 2]) -> Option<Refusal> {
        if self.is_separate {
            return Some(Refusal::SeparateRuns);
        }
        if sides.iter().any(|side| side.all().count() == 0) {
            return None;
        }
        let is_unlike = measure.is_of_platform() && self.sides[0].protocol != self.sides[1].protocol;
        if is_unlike {
            return Some(Refusal::UnlikeProtocols);
        }
        self.failures(statistic, sides)
            .or_else(|| one_environment(sides).filter(|_| measure.is_of_function()))
    }

    /// Whether the values above a percentile may be missing. Calls that failed may all have been of this kind.
    fn failures(&self, statistic: Statistic, sides: [&Observations; 2]) -> Option<Refusal> {
        let shares = self.arms.iter().zip(sides).map(|(arm, side)| {
            let failed = arm.requests.saturating_sub(arm.succeeded) as f64;
            failed / (failed + side.all().count() as f64)
        });
        let failed = shares.fold(0.0, f64::max);
        let above = 1.0 - statistic.share().unwrap_or(SHARE_OF_MEAN);
        (failed >= MISSING_ABOVE * above).then_some(Refusal::Failures { percent: failed * 100.0 })
    }

    fn is_in_gap(&self, statistic: Statistic) -> bool {
        let above = statistic.share().map(|share| 1.0 - share);
        let cold = self.arms.iter().filter_map(|arm| arm.cold_percent);
        above.is_some_and(|above| cold.into_iter().any(|percent| GAP.contains(&(percent / 100.0 / above))))
    }
}

fn one_environment(sides: [&Observations; 2]) -> Option<Refusal> {
    let effective = sides.map(Observations::environments).into_iter().fold(f64::INFINITY, f64::min);
    (effective < ENVIRONMENTS_OF_FUNCTION)
        .then_some(Refusal::OneEnvironment { effective: (effective > 0.0).then_some(effective) })
}

/// What is compared, in the order in which it is published.
fn kinds() -> impl Iterator<Item = (Scope, Measure)> {
    let views = |scope| View::ALL.into_iter().map(move |view| (scope, view.into()));
    let parts =
        Part::ALL.into_iter().filter(|part| *part != Part::Init).map(|part| (Scope::Warm, part.into()));
    let cold = [(Scope::Cold, Measure::RESPONSE), (Scope::Cold, Measure::Part(Part::Init))];
    views(Scope::All).chain(views(Scope::Warm)).chain(parts).chain(cold)
}

fn claim(ratio: Interval) -> Claim {
    match (ratio.low, ratio.high) {
        (_, Some(high)) if high < 1.0 => Claim::CandidateFaster,
        (Some(low), _) if low > 1.0 => Claim::BaselineFaster,
        _ => Claim::Undecided,
    }
}

fn percentiles(sides: [&Observations; 2], share: f64, margin: f64) -> Compared {
    let estimates = |confidence| sides.map(|side| PercentileInterval::of(side, share, confidence));
    let [baseline, candidate] = estimates(CONFIDENCE);
    let values = [percentile(sides[0], share, &baseline), percentile(sides[1], share, &candidate)];
    let both = baseline.and_then(|baseline| Ok((baseline, candidate?)));
    let known = both.as_ref().ok();
    let above = known.map_or(0.0, |(baseline, candidate)| baseline.above().min(candidate.above()));
    let is_drifting =
        known.is_some_and(|(baseline, candidate)| baseline.is_drifting || candidate.is_drifting);
    let ratio = both.and_then(|(baseline, candidate)| of_percentiles(&baseline, &candidate));
    let is_equivalent = || {
        let [Ok(baseline), Ok(candidate)] = estimates(EQUIVALENCE) else { return false };
        Ratio::new(&baseline, &candidate).is_ok_and(|ratio| ratio.is_within(margin))
    };
    Compared {
        values,
        is_equivalent: ratio.is_ok() && is_equivalent(),
        ratio: ratio.map_err(Refusal::from),
        is_approximate: sides[0].windows() < GOOD_PAIRS || above < GOOD_ABOVE,
        is_drifting,
    }
}

/// The percentile of one side, with what is known of its interval; nothing if its values are too few to tell it.
fn percentile(
    side: &Observations,
    share: f64,
    estimate: &Result<PercentileInterval, NoInterval>,
) -> Option<Value> {
    let known = estimate.as_ref().ok();
    Some(Value {
        us: units::us(side.all().told_quantile_ns(share)?),
        low_us: known.map(|estimate| units::us(estimate.low_ns)),
        high_us: known.and_then(|estimate| estimate.high_ns).map(units::us),
        count: side.all().count(),
        effective_count: known.map(|estimate| estimate.effective_count),
    })
}

/// The ratio of two percentiles, and their difference in microseconds.
fn of_percentiles(
    baseline: &PercentileInterval,
    candidate: &PercentileInterval,
) -> Result<(Interval, Interval), NoInterval> {
    let Ratio { ratio, low, high } = Ratio::new(baseline, candidate)?;
    let Difference { ns, low_ns, high_ns } = Difference::new(baseline, candidate)?;
    let difference = Interval { estimate: us(ns), low: low_ns.map(us), high: high_ns.map(us) };
    Ok((Interval { estimate: ratio, low, high }, difference))
}

/// Nanoseconds with fractions as microseconds.
fn us(ns: f64) -> f64 {
    ns / units::NS_PER_US as f64
}

fn means(sides: [&Observations; 2], margin: f64) -> Compared {
    let value = |side: &Observations| {
        let count = side.all().count();
        let interval = mean_interval::mean(side, CONFIDENCE).ok();
        (count > 0).then(|| Value {
            us: us(side.all().sum_ns() / count as f64),
            low_us: interval.map(|interval| us(interval.low)),
            high_us: interval.map(|interval| us(interval.high)),
            count,
            effective_count: None,
        })
    };
    let interval =
        |it: MeanInterval| Interval { estimate: it.estimate, low: Some(it.low), high: Some(it.high) };
    let in_us =
        |it: MeanInterval| MeanInterval { estimate: us(it.estimate), low: us(it.low), high: us(it.high) };
    let ratio = mean_interval::ratio(sides[0], sides[1], CONFIDENCE).and_then(|ratio| {
        let difference = mean_interval::difference(sides[0], sides[1], CONFIDENCE)?;
        Ok((interval(ratio), interval(in_us(difference))))
    });
    Compared {
        values: sides.map(value),
        ratio: ratio.map_err(Refusal::from),
        is_equivalent: mean_interval::ratio(sides[0], sides[1], EQUIVALENCE)
            .is_ok_and(|ratio| ratio.is_within(margin)),
        is_approximate: sides[0].windows() < GOOD_PAIRS,
        is_drifting: false,
    }
}

/// The ratio and the difference of two values whose intervals are not known.
fn side_by_side([baseline, candidate]: &[Option<Value>; 2]) -> Option<(Interval, Interval)> {
    let (baseline, candidate) = (baseline.as_ref()?.us, candidate.as_ref()?.us);
    let alone = |estimate| Interval { estimate, low: None, high: None };
    (baseline > 0.0).then(|| (alone(candidate / baseline), alone(candidate - baseline)))
}

/// What cold starts do to the percentiles of the response latency; nothing if there were none, nor of a side without any.
pub(super) fn cold_effect(figures: &[Figure], arms: &[Arm; 2]) -> Vec<ColdEffect> {
    let of = |scope, statistic| {
        let is_it =
            |it: &&Figure| it.scope == scope && it.measure == Measure::RESPONSE && it.statistic == statistic;
        figures.iter().find(is_it)
    };
    let us = |side: usize, value: &Option<Value>| {
        value.as_ref().map(|value| value.us).filter(|_| arms[side].has_cold_starts())
    };
    let effect = |statistic| {
        of(Scope::Cold, statistic)?;
        let (with, without) = (of(Scope::All, statistic)?, of(Scope::Warm, statistic)?);
        Some(ColdEffect {
            statistic,
            baseline_with_us: us(0, &with.baseline),
            baseline_without_us: us(0, &without.baseline),
            candidate_with_us: us(1, &with.candidate),
            candidate_without_us: us(1, &without.candidate),
        })
    };
    Statistic::ALL.into_iter().filter_map(effect).collect()
}
