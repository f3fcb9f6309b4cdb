//! The rows of a comparison, as cells of text.

use run_record::comparison::{Claim, Contrast, Figure, Interval, Measure, Scope, Statistic, Value};
use run_record::units::duration_text;

use super::words::Extent;
use crate::compare::times;

/// The heads of the columns.
pub(super) fn heads(contrast: &Contrast) -> [String; 6] {
    let label = |label: &str| label.to_owned();
    [
        label("time"),
        label(&contrast.baseline.label),
        label(&contrast.candidate.label),
        label("ratio"),
        label("95 %"),
        label(""),
    ]
}

/// A row for each figure that is shown.
pub(super) fn rows(contrast: &Contrast, extent: Extent) -> Vec<[String; 6]> {
    let is_short = |figure: &&Figure| {
        let is_asked = matches!(figure.statistic, Statistic::P50 | Statistic::P99);
        let is_view = matches!(figure.measure, Measure::Response | Measure::Service | Measure::Function);
        let is_warm = figure.scope == Scope::Warm && figure.measure == Measure::Response;
        is_asked && is_view && (figure.scope == Scope::All || is_warm && !contrast.cold_effect.is_empty())
    };
    contrast.figures.iter().filter(|figure| extent == Extent::All || is_short(figure)).map(row).collect()
}

fn row(figure: &Figure) -> [String; 6] {
    [
        name(figure),
        value(figure.baseline.as_ref()),
        value(figure.candidate.as_ref()),
        figure.ratio.map_or_else(|| "-".to_owned(), |ratio| times(ratio.estimate)),
        figure.ratio.map_or_else(|| "-".to_owned(), interval),
        mark(figure),
    ]
}

fn name(figure: &Figure) -> String {
    let scope = if figure.scope == Scope::All { String::new() } else { format!("{} ", figure.scope.name()) };
    let measure = match figure.measure {
        Measure::NetworkAndPlatform => "network",
        Measure::Connection => "connect",
        measure => measure.name(),
    };
    format!("{scope}{measure} {}", figure.statistic.name())
}

fn value(value: Option<&Value>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| duration_text(value.us))
}

fn interval(ratio: Interval) -> String {
    match (ratio.low, ratio.high) {
        (Some(low), Some(high)) => format!("{} to {}", times(low), times(high)),
        (Some(low), None) => format!("from {}", times(low)),
        (None, Some(high)) => format!("up to {}", times(high)),
        (None, None) => "-".to_owned(),
    }
}

/// What is claimed of the candidate, and what limits it.
fn mark(figure: &Figure) -> String {
    let claim = match figure.claim {
        Claim::CandidateFaster => Some("faster"),
        Claim::BaselineFaster => Some("slower"),
        Claim::NoDifference | Claim::Nothing => None,
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
    ("equivalent", "≈", "they differ by less than the margin"),
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
