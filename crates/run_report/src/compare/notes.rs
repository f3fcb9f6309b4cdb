//! What a reader has to know besides the numbers.

use run_record::budget::Part;
use run_record::comparison::{
    Arm, Contrast, DEFAULT_WINDOW_NS, Design, Figure, Measure, Note, Scope, Statistic,
};
use run_record::spread::MIN_ENVIRONMENTS;
use run_record::units;

use super::figures::GOOD_PAIRS;
use super::input::{Input, Pairing, Side};

/// With fewer pairs of windows, equivalence is recognised seldom.
const PAIRS_FOR_EQUIVALENCE: u64 = 30;
/// Shares that differ by less are those of a round that was cut off.
const EQUAL_SHARES: f64 = 0.001;
/// With fewer environments, intervals are wider by a fifth or more, because little is known of how much they differ.
const GOOD_ENVIRONMENTS: f64 = 6.0;
/// From this share on, the schedule lag is a good part of the response latency.
const LAG_SHARE: f64 = 0.1;
/// Above this share of failures, in percent, latencies are those of a selection.
const FEW_FAILURES_PERCENT: f64 = 0.1;

/// What limits all of a comparison.
pub(super) fn of_all(input: &Input, contrasts: &[Contrast]) -> Vec<Note> {
    let mut notes = input.notes.clone();
    if input.design == Design::SeparateRuns {
        return notes;
    }
    if let Some(window_s) = input.window_s.filter(|window_s| *window_s < units::s(DEFAULT_WINDOW_NS)) {
        notes.push(Note::ShortWindows { window_s });
    }
    if let Some(pairs) = contrasts.iter().map(|contrast| contrast.windows).min() {
        if pairs < GOOD_PAIRS as u64 {
            notes.push(Note::FewPairs { pairs });
        }
        if pairs < PAIRS_FOR_EQUIVALENCE {
            notes.push(Note::FewForEquivalence { pairs });
        }
    }
    notes
}

/// What limits what two sides say.
pub(super) fn of_pair(
    input: &Input,
    pairing: &Pairing,
    sides: [&Side; 2],
    arms: &[Arm; 2],
    figures: &[Figure],
) -> Vec<Note> {
    let mut notes = pairing.notes.clone();
    let [baseline, candidate] = sides.map(|side| side.share);
    if (baseline - candidate).abs() > EQUAL_SHARES {
        let percent = |share: f64| share * 100.0;
        notes.push(Note::UnequalShares {
            baseline_percent: percent(baseline),
            candidate_percent: percent(candidate),
        });
    }
    let failed = |arm: &Arm| (arm.requests - arm.succeeded) as f64 / arm.requests.max(1) as f64 * 100.0;
    let (baseline_percent, candidate_percent) = (failed(&arms[0]), failed(&arms[1]));
    if baseline_percent.max(candidate_percent) > FEW_FAILURES_PERCENT {
        notes.push(Note::Failures { baseline_percent, candidate_percent });
    }
    notes.extend(sides.iter().filter_map(|side| outage(side)));
    notes.extend(cold_starts(input.headline, arms));
    notes.extend(arms.iter().filter_map(few_environments));
    notes.extend(lag_shares(figures, arms));
    notes
}

/// Sides whose response latency is to a good part the delay of the load generator. Parts are known of warm requests.
fn lag_shares(figures: &[Figure], arms: &[Arm; 2]) -> Vec<Note> {
    let p50 = |measure: Measure| {
        figures.iter().find(move |figure| {
            (figure.scope, figure.measure, figure.statistic) == (Scope::Warm, measure, Statistic::P50)
        })
    };
    let Some((lag, response)) = p50(Part::Lag.into()).zip(p50(Measure::RESPONSE)) else { return Vec::new() };
    let sides = [(&lag.baseline, &response.baseline), (&lag.candidate, &response.candidate)];
    let shares = arms.iter().zip(sides).filter_map(|(arm, (lag, response))| {
        let (lag_us, response_us) = (lag.as_ref()?.us, response.as_ref()?.us);
        let label = arm.label.clone();
        (lag_us >= response_us * LAG_SHARE).then_some(Note::LagShare { label, lag_us, response_us })
    });
    shares.collect()
}

fn outage(side: &Side) -> Option<Note> {
    let failed = side.samples.windows_of_failures();
    let (label, of) = (side.label.clone(), side.samples.windows().len());
    (failed > 0).then_some(Note::Outage { label, windows: failed as u64, of: of as u64 })
}

/// What is to be known of cold starts that the way of the run caused, or was to cause.
fn cold_starts(headline: Scope, arms: &[Arm; 2]) -> Vec<Note> {
    let note = |arm: &Arm| {
        let label = arm.label.clone();
        match headline {
            Scope::Warm if arm.has_cold_starts() => {
                let alone = arms.iter().filter(|arm| arm.has_cold_starts()).count() == 1;
                Some(Note::RestartsWereCold { label, alone })
            }
            Scope::Cold if !arm.has_cold_starts() => Some(Note::NoColdStart { label }),
            _ => None,
        }
    };
    arms.iter().filter_map(note).collect()
}

fn few_environments(arm: &Arm) -> Option<Note> {
    let label = arm.label.clone();
    match arm.environments.as_ref().map(|environments| environments.effective) {
        None => Some(Note::UnknownEnvironments { label }),
        Some(..MIN_ENVIRONMENTS) => Some(Note::OneEnvironment { label }),
        Some(effective @ ..GOOD_ENVIRONMENTS) => Some(Note::FewEnvironments { label, effective }),
        Some(_) => None,
    }
}
