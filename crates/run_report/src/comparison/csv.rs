//! A comparison as CSV with a row for each figure. What is not known is empty.

use run_record::comparison::{Comparison, Contrast, Figure, Interval, Value};

use super::words::is_unlike;

/// The names of the columns.
const COLUMNS: [&str; 35] = [
    "valid",
    "unlike",
    "design",
    "window_s",
    "windows",
    "function",
    "baseline",
    "baseline_endpoint",
    "baseline_environments",
    "candidate",
    "candidate_endpoint",
    "candidate_environments",
    "scope",
    "measure",
    "statistic",
    "baseline_us",
    "baseline_low_us",
    "baseline_high_us",
    "baseline_count",
    "candidate_us",
    "candidate_low_us",
    "candidate_high_us",
    "candidate_count",
    "ratio",
    "ratio_low",
    "ratio_high",
    "difference_us",
    "difference_low_us",
    "difference_high_us",
    "claim",
    "equivalent",
    "approximate",
    "drifting",
    "in_cold_gap",
    "refusal",
];

/// All figures.
///
/// # Errors
/// None is known: memory takes all that is written.
pub fn csv(comparison: &Comparison) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    for contrast in &comparison.contrasts {
        for figure in &contrast.figures {
            writer.write_record(row(comparison, contrast, figure))?;
        }
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

fn row(comparison: &Comparison, contrast: &Contrast, figure: &Figure) -> [String; COLUMNS.len()] {
    let [baseline, candidate] = [&contrast.baseline, &contrast.candidate];
    let [base_us, base_low, base_high, base_count] = value(figure.baseline.as_ref());
    let [cand_us, cand_low, cand_high, cand_count] = value(figure.candidate.as_ref());
    let [ratio, ratio_low, ratio_high] = interval(figure.ratio);
    let [difference, difference_low, difference_high] = interval(figure.difference_us);
    [
        comparison.valid.to_string(),
        contrast.notes.iter().any(is_unlike).to_string(),
        comparison.design.name().to_owned(),
        text(comparison.window_s),
        contrast.windows.to_string(),
        contrast.function.clone(),
        baseline.label.clone(),
        baseline.endpoint.clone(),
        text(baseline.environments.as_ref().map(|it| it.distinct)),
        candidate.label.clone(),
        candidate.endpoint.clone(),
        text(candidate.environments.as_ref().map(|it| it.distinct)),
        figure.scope.name().to_owned(),
        figure.measure.name().to_owned(),
        figure.statistic.name().to_owned(),
        base_us,
        base_low,
        base_high,
        base_count,
        cand_us,
        cand_low,
        cand_high,
        cand_count,
        ratio,
        ratio_low,
        ratio_high,
        difference,
        difference_low,
        difference_high,
        figure.claim.name().to_owned(),
        figure.equivalent.to_string(),
        figure.approximate.to_string(),
        figure.drifting.to_string(),
        figure.in_cold_gap.to_string(),
        text(figure.refusal.as_ref()),
    ]
}

fn text(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn value(value: Option<&Value>) -> [String; 4] {
    [
        text(value.map(|value| value.us)),
        text(value.and_then(|value| value.low_us)),
        text(value.and_then(|value| value.high_us)),
        text(value.map(|value| value.count)),
    ]
}

fn interval(interval: Option<Interval>) -> [String; 3] {
    [
        text(interval.map(|interval| interval.estimate)),
        text(interval.and_then(|interval| interval.low)),
        text(interval.and_then(|interval| interval.high)),
    ]
}
