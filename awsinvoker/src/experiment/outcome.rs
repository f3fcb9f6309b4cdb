//! What an experiment comes to: its comparison, written beside its runs.

use std::path::Path;

use run_record::comparison::{Claim, Comparison, Figure, Measure, Scope, Statistic};
use run_record::experiment::FalseDifferences;
use run_record::format::{FormatError, json};
use run_record::units::counted;
use run_report::comparison::{self as written, Extent};

use super::costs::Costs;
use super::error::ExperimentError;
use super::folder::Folder;
use super::plan::ExperimentPlan;
use crate::compare::{CompareOptions, compare};

/// The names of the files.
pub(super) const COMPARISON_JSON: &str = "comparison.json";
const COMPARISON_MD: &str = "comparison.md";
const COMPARISON_CSV: &str = "comparison.csv";

/// The share of intervals that miss the truth if each holds with 95 %.
const EXPECTED_FALSE: f64 = 0.05;

/// Compares the systems of the experiment in this folder.
pub(super) fn comparison(plan: &ExperimentPlan, folder: &Path) -> Result<Comparison, ExperimentError> {
    let options = CompareOptions {
        baseline: plan.systems.first().cloned(),
        margin: Some(plan.margin),
        allows_unlike: plan.has_flag("--unlike"),
        ..CompareOptions::default()
    };
    compare(&[folder.to_owned()], &options)
        .map_err(|source| ExperimentError::Compare { folder: folder.to_owned(), source: Box::new(source) })
}

/// What the calls of the runs that count cost.
pub(super) fn costs(folder: &Folder) -> Costs {
    let mut costs = Costs::default();
    for run in folder.experiment.used_runs() {
        // A run that was killed has no summary.
        if let Ok(summary) = folder.run_dir(&run.folder).read_summary() {
            costs.add(&summary);
        }
    }
    costs
}

/// Writes the comparison in each form.
pub(super) fn write(folder: &Folder, comparison: &Comparison, costs: &Costs) -> Result<(), ExperimentError> {
    folder.write_file(COMPARISON_JSON, &json::write(comparison)?)?;
    let markdown = written::markdown(comparison, Extent::All) + &costs.markdown();
    folder.write_file(COMPARISON_MD, markdown.as_bytes())?;
    let csv = written::csv(comparison).map_err(FormatError::from)?;
    folder.write_file(COMPARISON_CSV, &csv)
}

/// What is found in a comparison of a system with itself: of every statistic of every view, since the parts of the time
/// and the warm requests say much of it again.
pub(super) fn false_differences(comparison: &Comparison) -> FalseDifferences {
    let counted = |figure: &&Figure| {
        let is_view = figure.measure.is_view();
        figure.scope == Scope::All && is_view && figure.claim != Claim::Nothing
    };
    let figures = || comparison.contrasts.iter().flat_map(|contrast| &contrast.figures).filter(counted);
    FalseDifferences {
        intervals: figures().count() as u64,
        differences: figures().filter(|figure| figure.claim != Claim::Undecided).count() as u64,
        expected_share: EXPECTED_FALSE,
    }
}

/// The same in words.
pub(super) fn false_differences_worded(found: &FalseDifferences) -> String {
    let FalseDifferences { intervals, differences, expected_share } = *found;
    if intervals == 0 {
        return "the system was compared with itself: no interval can be told, so nothing is known of false differences"
            .to_owned();
    }
    let percent = 100.0 * differences as f64 / intervals as f64;
    let of = counted(intervals, "interval");
    let (expected, differ) = (100.0 * expected_share, if differences == 1 { "differs" } else { "differ" });
    format!(
        "the system was compared with itself: {differences} of {of} {differ} from 1, {percent:.1} % (expected: {expected} %)"
    )
}

/// How far the ends of the interval of the ratio of a response latency are from the ratio, as a share of it: the greatest of
/// all that are compared. `None` if there is none.
pub(super) fn width(comparison: &Comparison, scope: Scope, statistic: Statistic) -> Option<f64> {
    let figures = comparison.contrasts.iter().flat_map(|contrast| &contrast.figures);
    let wanted = figures.filter(|figure| {
        figure.scope == scope && figure.measure == Measure::RESPONSE && figure.statistic == statistic
    });
    let widths = wanted.filter_map(|figure| {
        let ratio = figure.ratio?;
        Some((ratio.high? / ratio.low?).sqrt() - 1.0)
    });
    widths.max_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use run_record::View;
    use run_record::budget::Part;
    use run_record::comparison::Interval;

    use super::super::made_up::{comparison, figure};
    use super::*;

    fn claim(scope: Scope, measure: Measure, claim: Claim) -> Figure {
        Figure { measure, claim, ..figure(scope, None) }
    }

    #[test]
    fn false_differences_are_those_of_the_views_of_all_requests() {
        let found = |contrasts: &[&[Figure]]| {
            let found = false_differences(&comparison(contrasts));
            assert_eq!(found.expected_share, 0.05);
            (found.intervals, found.differences, false_differences_worded(&found))
        };
        let one = [
            claim(Scope::All, Measure::RESPONSE, Claim::Undecided),
            claim(Scope::All, Measure::View(View::Service), Claim::CandidateFaster),
            claim(Scope::All, Measure::View(View::Function), Claim::BaselineFaster),
            claim(Scope::All, Measure::RESPONSE, Claim::Nothing),
            claim(Scope::Warm, Measure::RESPONSE, Claim::BaselineFaster),
            claim(Scope::Cold, Measure::View(View::Service), Claim::CandidateFaster),
            claim(Scope::All, Measure::Part(Part::Lag), Claim::BaselineFaster),
        ];
        let worded =
            "the system was compared with itself: 2 of 3 intervals differ from 1, 66.7 % (expected: 5 %)";
        assert_eq!(found(&[&one]), (3, 2, worded.to_owned()));
        let worded =
            "the system was compared with itself: 2 of 4 intervals differ from 1, 50.0 % (expected: 5 %)";
        assert_eq!(found(&[&one, &one[..1]]), (4, 2, worded.to_owned()));
        let worded =
            "the system was compared with itself: 1 of 1 interval differs from 1, 100.0 % (expected: 5 %)";
        assert_eq!(found(&[&one[1..2]]), (1, 1, worded.to_owned()));
        let (intervals, differences, worded) = found(&[&one[3..]]);
        assert_eq!((intervals, differences), (0, 0));
        assert!(worded.contains("nothing is known of false differences"), "{worded}");
    }

    #[test]
    fn the_widest_interval_of_a_response_latency_counts() {
        let ratio = |statistic, bounds: Option<[f64; 2]>| {
            let [low, high] = bounds.map_or([None; 2], |bounds| bounds.map(Some));
            Figure {
                statistic,
                ratio: Some(Interval { estimate: 1.0, low, high }),
                ..figure(Scope::All, None)
            }
        };
        let narrow = ratio(Statistic::P50, Some([0.95, 1.05]));
        let wide = ratio(Statistic::P50, Some([0.8, 1.25]));
        let widest = Some([0.1, 10.0]);
        let others = [
            ratio(Statistic::P99, widest),
            Figure { scope: Scope::Warm, ..ratio(Statistic::P50, widest) },
            Figure { measure: Measure::View(View::Service), ..ratio(Statistic::P50, widest) },
            ratio(Statistic::P50, None),
            figure(Scope::All, None),
        ];
        let width = |contrasts: &[&[Figure]]| width(&comparison(contrasts), Scope::All, Statistic::P50);
        let found = width(&[&[narrow], &[wide], &others]).unwrap();
        assert!((found - 0.25).abs() < 1e-9, "{found}");
        assert_eq!(width(&[&others]), None);
    }
}
