//! What all forms for people say.

use run_record::comparison::{Arm, ColdEffect, Comparison, Contrast, Design, Note};
use run_record::units::{counted, duration_text};

/// By how much cold starts have to raise a percentile to be shown.
const COLD_EFFECT: f64 = 0.05;

/// How much of a comparison is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The p50 and the p99 of each view, and what differs besides.
    Short,
    /// All figures.
    All,
}

/// What the comparison is made of, in a few words.
pub(super) fn made_of(comparison: &Comparison) -> String {
    let Comparison { windows, window_s, left_out_s, runs, .. } = comparison;
    let left_out = match *left_out_s {
        0.0 => String::new(),
        seconds => format!(" ({seconds:.1} s are in no complete window)"),
    };
    let windows = counted(*windows, "window");
    let length = window_s.map_or_else(String::new, |window_s| format!(" of {window_s} s{left_out}"));
    match comparison.design {
        Design::RoundRobin => format!("{}, in turn, {windows}{length}", counted(runs.len() as u64, "run")),
        Design::Interleaved => {
            format!("{} interleaved in pairs, {windows}{length}", counted(runs.len() as u64, "run"))
        }
        Design::SeparateRuns => counted(runs.len() as u64, "separate run"),
    }
}

/// What is wrong with a comparison, and what else limits it, the worst first.
pub(super) fn limits(comparison: &Comparison) -> Vec<String> {
    let invalid = comparison.reasons.iter().map(|reason| format!("invalid: {reason}"));
    let missing = comparison
        .runs
        .iter()
        .flat_map(|run| run.missing.iter().map(move |what| format!("missing of {}: {what}", run.folder)));
    let warnings = comparison.runs.iter().flat_map(|run| {
        run.warnings.iter().map(move |warning| format!("warning of {}: {warning}", run.folder))
    });
    let unlike =
        comparison.contrasts.iter().flat_map(|contrast| &contrast.notes).filter(|note| is_unlike(note));
    let notes = unlike.chain(&comparison.notes).map(|note| format!("note: {note}"));
    invalid.chain(missing).chain(notes).chain(warnings).chain(chance(comparison)).collect()
}

/// Whether a note is about unlike work, which stands above all others.
pub(super) fn is_unlike(note: &Note) -> bool {
    matches!(note, Note::Unlike { .. })
}

/// What limits what these two say, but for unlike work.
pub(super) fn contrast_notes(contrast: &Contrast) -> impl Iterator<Item = String> {
    let notes = contrast.notes.iter().filter(|note| !is_unlike(note)).map(ToString::to_string);
    notes.chain(left_out(contrast)).map(|note| format!("note: {note}"))
}

/// How many intervals are wrong by chance alone.
pub(super) fn chance(comparison: &Comparison) -> Option<String> {
    let Comparison { intervals, expected_false, .. } = comparison;
    (*intervals > 0).then(|| {
        format!(
            "note: there are {} in all, each with 95 %: about {expected_false:.1} of them miss the truth by chance, on \
             average",
            counted(*intervals, "interval")
        )
    })
}

/// What one side did, in a few words.
pub(super) fn did(arm: &Arm) -> String {
    let Arm { label, requests, succeeded, cold, cold_percent, environments, .. } = arm;
    let cold = match cold.zip(*cold_percent) {
        Some((cold, percent)) => format!("{} ({percent:.2} %)", counted(cold, "cold start")),
        None => "cold starts unknown".to_owned(),
    };
    let environments = match environments {
        None => "environments unknown".to_owned(),
        Some(it) if it.per_window_min == it.per_window_max => {
            format!("{} ({} a window)", counted(it.distinct, "environment"), it.per_window_min)
        }
        Some(it) => format!(
            "{} ({} to {} a window)",
            counted(it.distinct, "environment"),
            it.per_window_min,
            it.per_window_max
        ),
    };
    format!("{label}: {succeeded} of {requests} requests succeeded, {cold}, {environments}")
}

/// What cold starts do to percentiles, as far as they do something.
pub(super) fn cold_effect(contrast: &Contrast) -> impl Iterator<Item = String> {
    contrast.cold_effect.iter().filter_map(|effect| cold(contrast, effect))
}

/// What cold starts do to a percentile, if they do something.
fn cold(contrast: &Contrast, effect: &ColdEffect) -> Option<String> {
    let side = |label: &str, with: Option<f64>, without: Option<f64>| {
        let (with, without) = (with?, without?);
        let [shown, warm] = [with, without].map(duration_text);
        (with / without >= 1.0 + COLD_EFFECT).then(|| format!("{label} {shown} instead of {warm}"))
    };
    let baseline = side(&contrast.baseline.label, effect.baseline_with_us, effect.baseline_without_us);
    let candidate = side(&contrast.candidate.label, effect.candidate_with_us, effect.candidate_without_us);
    let sides: Vec<String> = [baseline, candidate].into_iter().flatten().collect();
    (!sides.is_empty())
        .then(|| format!("cold starts make the response {}: {}", effect.statistic.name(), sides.join(", ")))
}

/// Windows of these two that are left out.
pub(crate) fn left_out(contrast: &Contrast) -> Option<String> {
    (contrast.windows_left_out > 0).then(|| {
        let windows = counted(contrast.windows_left_out, "window");
        format!(
            "{windows} of {} left out, in which a side has no success",
            contrast.windows + contrast.windows_left_out
        )
    })
}
