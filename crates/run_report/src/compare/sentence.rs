//! Results in plain sentences.

use run_record::View;
use run_record::comparison::{Arm, Claim, Figure, Interval, Scope, Statistic};
use run_record::spread::MIN_ENVIRONMENTS;

use super::input::Pairing;

/// A sentence for the p50 and the p99 of each view. What is refused of both for the same reason has one sentence.
pub(super) fn sentences(
    pairing: &Pairing,
    arms: &[Arm; 2],
    (scope, figures): (Scope, &[Figure]),
    margin: f64,
) -> Vec<String> {
    let of_view = |of: View| {
        let is_told = |figure: &&Figure| {
            let is_asked = matches!(figure.statistic, Statistic::P50 | Statistic::P99);
            figure.scope == scope && figure.measure == of.into() && is_asked
        };
        let told: Vec<&Figure> = figures.iter().filter(is_told).collect();
        match told[..] {
            [p50, p99] if p50.refusal.is_some() && p50.refusal == p99.refusal => {
                vec![refused(pairing, arms, p50, &format!("p50 and p99 ({})", view(p50)))]
            }
            _ => told.into_iter().map(|figure| sentence(pairing, arms, figure, margin)).collect(),
        }
    };
    View::ALL.into_iter().flat_map(of_view).collect()
}

fn sentence(pairing: &Pairing, arms: &[Arm; 2], figure: &Figure, margin: f64) -> String {
    let [baseline, candidate] = arms;
    let what = what(figure, arms);
    let equivalent = match figure.equivalent {
        true => format!("; they are equivalent within {} % (by the 90 % interval)", percent(margin)),
        false => String::new(),
    };
    let speed = |interval: &Interval| Interval {
        estimate: 1.0 / interval.estimate,
        low: interval.high.map(|high| 1.0 / high),
        high: interval.low.map(|low| 1.0 / low),
    };
    match (figure.claim, &figure.ratio) {
        (Claim::CandidateFaster, Some(ratio)) => format!(
            "{} answers {} times as fast as {} at {what}{equivalent}",
            subject(pairing, candidate),
            range(&speed(ratio)),
            object(baseline)
        ),
        (Claim::BaselineFaster, Some(ratio)) => format!(
            "{} answers {} times as fast as {} at {what}{equivalent}",
            subject(pairing, baseline),
            range(ratio),
            object(candidate)
        ),
        (Claim::Undecided, Some(ratio)) if figure.equivalent => format!(
            "{0} and {1} are equivalent within {2} % at {what}, by the 90 % interval: {0} answers {3} times as fast as {1} \
             (95 % interval)",
            subject(pairing, candidate),
            object(baseline),
            percent(margin),
            range(&speed(ratio))
        ),
        (Claim::Undecided, Some(ratio)) => format!(
            "it is undecided which is faster at {what}: {} answers {} times as fast as {}",
            subject(pairing, candidate),
            range(&speed(ratio)),
            object(baseline)
        ),
        _ => refused(pairing, arms, figure, &what),
    }
}

/// `p99 (response, approximate)`: what a sentence is about, with what limits it.
fn what(figure: &Figure, arms: &[Arm; 2]) -> String {
    let is_claimed = figure.claim != Claim::Nothing;
    let limits = [
        (figure.approximate && is_claimed, ", approximate"),
        (figure.drifting && is_claimed, ", drifting"),
        (figure.in_cold_gap, ", in the gap between warm and cold"),
    ];
    let limits: String = limits.into_iter().filter(|(is_so, _)| *is_so).map(|(_, limit)| limit).collect();
    let single = arms.iter().filter(|arm| is_claimed && is_single(arm)).map(|arm| arm.label.as_str());
    let single = match single.collect::<Vec<_>>().join(" and of ") {
        labels if labels.is_empty() => labels,
        labels => format!(", for one environment of {labels}"),
    };
    format!("{} ({}{limits}{single})", figure.statistic.name(), view(figure))
}

/// `response`, or `response, warm`.
fn view(figure: &Figure) -> String {
    let scope = match figure.scope {
        Scope::All => String::new(),
        scope => format!(", {}", scope.name()),
    };
    format!("{}{scope}", figure.measure.name())
}

/// Whether all that is known of a side is what one of its environments did.
fn is_single(arm: &Arm) -> bool {
    arm.environments.as_ref().is_some_and(|environments| environments.effective < MIN_ENVIRONMENTS)
}

fn refused(pairing: &Pairing, [baseline, candidate]: &[Arm; 2], figure: &Figure, what: &str) -> String {
    let why = figure.refusal.as_ref().map_or_else(|| "no value is known".to_owned(), ToString::to_string);
    format!(
        "nothing is claimed about {} and {} at {what}: {why}",
        subject(pairing, candidate),
        object(baseline)
    )
}

/// `chameleon on lambda`; the name of the endpoint where endpoints are compared.
fn subject(pairing: &Pairing, arm: &Arm) -> String {
    if arm.label == arm.system { format!("{} on {}", pairing.function, arm.label) } else { arm.label.clone() }
}

/// `on lambda`, after a sentence named the function.
fn object(arm: &Arm) -> String {
    if arm.label == arm.system { format!("on {}", arm.label) } else { arm.label.clone() }
}

/// `1.31 to 1.38`, or what of it is known.
fn range(interval: &Interval) -> String {
    match (interval.low, interval.high) {
        (Some(low), Some(high)) => format!("{} to {}", times(low), times(high)),
        (Some(low), None) => format!("at least {}", times(low)),
        (None, Some(high)) => format!("at most {}", times(high)),
        (None, None) => times(interval.estimate),
    }
}

/// A factor with three significant digits, or two of a small one. What is not 1 does not read as 1.
pub(crate) fn times(factor: f64) -> String {
    match factor {
        0.0 => "0".to_owned(),
        ..0.000_995 => format!("{factor:.1e}"),
        ..0.099_95 => format!("{factor:.4}"),
        ..0.995 => format!("{factor:.3}"),
        ..1.009_5 => near_one(factor),
        ..9.995 => format!("{factor:.2}"),
        ..99.95 => format!("{factor:.1}"),
        _ => format!("{factor:.0}"),
    }
}

/// With as many decimals as it takes to see on which side of 1 it lies, up to six.
fn near_one(factor: f64) -> String {
    let is_one = |decimals: &usize| format!("{factor:.decimals$}").trim_end_matches('0') == "1.";
    let decimals = (3..=6).find(|decimals| !is_one(decimals)).unwrap_or(2);
    format!("{factor:.decimals$}")
}

/// A share in percent, without decimals that say nothing.
pub(crate) fn percent(share: f64) -> String {
    ((share * 1e4).round() / 1e2).to_string()
}
