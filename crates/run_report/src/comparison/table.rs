//! The rows of a comparison, as cells of text.

use run_record::comparison::{Claim, Contrast, Figure, Interval, Measure, Scope, Statistic, Value};
use run_record::units::{duration_text, signed_duration_text};

use super::words::Extent;
use crate::compare::times;
use crate::time_names;

/// The heads of the columns.
pub(super) const HEADS: [&str; 6] = ["time", "baseline", "candidate", "ratio", "95 %", "candidate is"];

/// The figures that are shown.
pub(super) fn shown(contrast: &Contrast, extent: Extent) -> impl Iterator<Item = &Figure> {
    let is_short = |figure: &Figure| {
        let is_asked = matches!(figure.statistic, Statistic::P50 | Statistic::P99);
        let is_view = figure.measure.is_view();
        let is_response = figure.measure == Measure::RESPONSE;
        let is_apart = is_response && figure.scope == Scope::Warm && !contrast.cold_effect.is_empty();
        let is_all = is_response && figure.scope == Scope::All;
        is_asked && is_view && (figure.scope == contrast.headline || is_all || is_apart)
    };
    contrast.figures.iter().filter(move |figure| extent == Extent::All || is_short(figure))
}

/// A row for each figure that is shown.
pub(super) fn rows(contrast: &Contrast, extent: Extent) -> Vec<[String; 6]> {
    shown(contrast, extent).map(row).collect()
}

/// How much greater the candidate's value is, with its interval; nothing where that is not told.
pub(super) fn difference(figure: &Figure) -> Option<[String; 2]> {
    let difference = figure.difference_us?;
    Some([signed_duration_text(difference.estimate), range(difference, signed_duration_text)])
}

fn row(figure: &Figure) -> [String; 6] {
    [
        name(figure),
        value(figure.baseline.as_ref()),
        value(figure.candidate.as_ref()),
        figure.ratio.map_or_else(|| "-".to_owned(), |ratio| times(ratio.estimate)),
        figure.ratio.map_or_else(|| "-".to_owned(), |ratio| range(ratio, times)),
        mark(figure),
    ]
}

pub(super) fn name(figure: &Figure) -> String {
    let scope = if figure.scope == Scope::All { String::new() } else { format!("{} ", figure.scope.name()) };
    format!("{scope}{} {}", time_names::short(figure.measure), figure.statistic.name())
}

fn value(value: Option<&Value>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| duration_text(value.us))
}

fn range(interval: Interval, text: impl Fn(f64) -> String) -> String {
    match (interval.low, interval.high) {
        (Some(low), Some(high)) => format!("{} to {}", text(low), text(high)),
        (Some(low), None) => format!("from {}", text(low)),
        (None, Some(high)) => format!("up to {}", text(high)),
        (None, None) => "-".to_owned(),
    }
}

/// What is claimed of the candidate, and what limits it.
fn mark(figure: &Figure) -> String {
    let claim = match figure.claim {
        Claim::CandidateFaster => Some("faster"),
        Claim::BaselineFaster => Some("slower"),
        Claim::Undecided | Claim::Nothing => None,
    };
    let is_rough = figure.approximate && figure.claim != Claim::Nothing;
    let marks = [
        claim,
        figure.equivalent.then_some("equivalent"),
        figure.refusal.is_some().then_some("refused"),
        is_rough.then_some("rough"),
        figure.drifting.then_some("drift"),
        figure.in_cold_gap.then_some("gap"),
    ];
    marks.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The marks besides what is claimed: each with what stands for it where there is little room, and with its meaning.
pub(super) const MARKS: [(&str, &str, &str); 4] = [
    ("equivalent", "≈", "by the 90 % interval of the ratio, they differ by less than the margin"),
    ("rough", "r", "fewer than 10 pairs of windows, or than 20 independent values above it"),
    ("drift", "d", "neighbouring windows resemble each other; it holds for the time of this run alone"),
    ("gap", "g", "the share of cold starts is near that of the values above it; see the warm ones"),
];

/// The marks that stand in these rows.
pub(super) fn marks_of(
    rows: &[[String; 6]],
) -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let stands = |mark: &str| rows.iter().any(|row| row[5].split(", ").any(|it| it == mark));
    MARKS.into_iter().filter(move |(mark, ..)| stands(mark))
}

/// Marks with what stands for them where there is little room.
pub(super) fn short(marks: &str) -> String {
    let one = |mark| MARKS.iter().find(|(long, ..)| *long == mark).map_or(mark, |(_, short, _)| *short);
    marks.split(", ").map(one).collect::<Vec<_>>().join(" ")
}
