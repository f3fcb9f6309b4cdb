//! The section about a comparison.

use run_record::comparison::{
    Claim, Comparison, Contrast, Design, Figure, Interval, Note, Scope, Statistic, Value,
};
use run_record::units::signed_duration_text;

use super::table::Table;
use super::words::{UNKNOWN, counted, time};
use crate::chart::Chart;
use crate::charts::{RatioRow, ratios};
use crate::compare::times;
use crate::comparison::left_out;
use crate::time_names;

/// More contrasts are not shown, but counted.
const MAX_CONTRASTS: usize = 20;

/// Everything that the page says about a comparison.
#[derive(Debug)]
pub(crate) struct Compared {
    pub(crate) is_valid: bool,
    pub(crate) reasons: Vec<String>,
    pub(crate) design: String,
    pub(crate) notes: Vec<String>,
    pub(crate) contrasts: Vec<ContrastSection>,
    /// Contrasts that are not shown.
    pub(crate) further: usize,
    pub(crate) expected_false: String,
    pub(crate) runs: Table,
    /// The command that makes the experiment again.
    pub(crate) command: Option<String>,
}

/// One function at two systems.
#[derive(Debug)]
pub(crate) struct ContrastSection {
    pub(crate) heading: String,
    pub(crate) sentences: Vec<String>,
    pub(crate) notes: Vec<String>,
    pub(crate) charts: Vec<Chart>,
    pub(crate) arms: Table,
    pub(crate) figures: Table,
    pub(crate) cold_effect: Table,
}

impl Compared {
    pub(crate) fn new(comparison: &Comparison) -> Self {
        let contrasts = comparison.contrasts.iter().take(MAX_CONTRASTS).enumerate();
        Self {
            is_valid: comparison.valid,
            reasons: comparison.reasons.clone(),
            design: design(comparison),
            notes: comparison.notes.iter().map(ToString::to_string).collect(),
            contrasts: contrasts.map(|(index, contrast)| ContrastSection::new(index, contrast)).collect(),
            further: comparison.contrasts.len().saturating_sub(MAX_CONTRASTS),
            runs: sources(comparison),
            command: None,
            expected_false: format!(
                "{} of ratios are told. If each holds with its 95 %, {:.1} of them miss the truth on average.",
                counted(comparison.intervals, "interval"),
                comparison.expected_false
            ),
        }
    }

    pub(crate) fn charts(&self) -> impl Iterator<Item = &Chart> {
        self.contrasts.iter().flat_map(|contrast| &contrast.charts)
    }
}

/// The runs that the comparison comes from.
fn sources(comparison: &Comparison) -> Table {
    let rows = comparison.runs.iter().map(|run| {
        let told = run.missing.iter().map(|what| format!("missing: {what}"));
        let told: Vec<String> = told.chain(run.warnings.iter().map(ToString::to_string)).collect();
        let told = if told.is_empty() { UNKNOWN.to_owned() } else { told.join("; ") };
        let valid = if run.valid { "valid" } else { "not valid" };
        [run.folder.clone(), run.start.clone(), valid.to_owned(), told, run.requests.to_string()]
    });
    let head = ["folder", "start", "verdict", "to keep in mind", "calls"];
    Table::new("The runs that the comparison comes from.", head, 4, rows)
}

fn design(comparison: &Comparison) -> String {
    let runs = counted(comparison.runs.len() as u64, "run");
    let how = match comparison.design {
        Design::RoundRobin if !was_in_turn(comparison) => {
            format!("The systems were called at the same time in {runs}, but not in turn.")
        }
        Design::RoundRobin => {
            format!("The systems were called in turn in {runs}, so that what changed over time met all of them.")
        }
        Design::Interleaved => format!(
            "The systems were loaded one after the other in pairs of windows, in random order within a pair, in {runs}."
        ),
        Design::SeparateRuns => {
            "The systems were loaded in separate runs. Separate runs give no interval of a difference: what changed between \
             them would count as a difference of the systems."
                .to_owned()
        }
    };
    let length = comparison.window_s.map_or_else(String::new, |window_s| format!(" of {window_s} s"));
    format!(
        "{how} {}{length} are complete, and {:.1} s are left out. Two values count as equivalent if they differ by less than \
         {} %.",
        counted(comparison.windows, "window"),
        comparison.left_out_s,
        comparison.margin * 100.0
    )
}

/// Whether all sides were called equally often and one after the other, as far as that is known.
fn was_in_turn(comparison: &Comparison) -> bool {
    let mut of_contrasts = comparison.contrasts.iter().flat_map(|contrast| &contrast.notes);
    !comparison.notes.contains(&Note::ScheduleOfFile)
        && !of_contrasts.any(|note| matches!(note, Note::UnequalShares { .. }))
}

impl ContrastSection {
    fn new(index: usize, contrast: &Contrast) -> Self {
        let Contrast { function, baseline, candidate, sentences, notes, .. } = contrast;
        let (baseline, candidate) = (&baseline.label, &candidate.label);
        let charts = [(Shown::Views, "views"), (Shown::Parts, "parts")].into_iter().filter_map(|(shown, name)| {
            let rows: Vec<RatioRow> =
                contrast.figures.iter().filter(|figure| shown.has(contrast, figure)).filter_map(ratio_row).collect();
            let caption = format!(
                "{function}: the {} of {candidate} by that of {baseline}, with 95 % intervals. Left of 1, {candidate} is faster.",
                shown.text(contrast)
            );
            ratios(&format!("ratios-{}-{name}", index + 1), caption, &format!("{candidate} / {baseline}"), &rows)
        });
        let charts = charts.collect();
        Self {
            heading: format!("{function}: {candidate} against {baseline}"),
            sentences: sentences.clone(),
            notes: notes.iter().map(ToString::to_string).chain(left_out(contrast)).collect(),
            charts,
            arms: arms(contrast),
            figures: figures(contrast),
            cold_effect: cold_effect(contrast),
        }
    }
}

/// Which figures a chart shows.
#[derive(Clone, Copy)]
enum Shown {
    /// Latencies of the calls that the sentences are about.
    Views,
    /// The median and the mean of each part of warm calls.
    Parts,
}

impl Shown {
    fn has(self, contrast: &Contrast, figure: &Figure) -> bool {
        let is_view = figure.measure.is_view();
        match self {
            Self::Views => is_view && figure.scope == contrast.headline,
            Self::Parts => {
                let is_shown = matches!(figure.statistic, Statistic::P50 | Statistic::Mean);
                !is_view && is_shown && figure.scope == Scope::Warm
            }
        }
    }

    fn text(self, contrast: &Contrast) -> &'static str {
        match (self, contrast.headline) {
            (Self::Views, Scope::All) => "latency",
            (Self::Views, Scope::Warm) => "latency of warm calls",
            (Self::Views, Scope::Cold) => "latency of cold starts",
            (Self::Parts, _) => "time of warm calls in each part",
        }
    }
}

/// A row of the chart; none without a ratio.
fn ratio_row(figure: &Figure) -> Option<RatioRow> {
    let Interval { estimate, low, high } = figure.ratio?;
    // Where a claim is refused, there are no bounds, and nothing to be seen.
    low.or(high)?;
    let label = format!("{} {}", time_names::long(figure.measure), figure.statistic.name());
    Some(RatioRow { label, ratio: estimate, low, high })
}

fn what(figure: &Figure) -> String {
    let measure = time_names::long(figure.measure);
    let scope = if figure.scope == Scope::All { String::new() } else { format!("{} ", figure.scope.name()) };
    format!("{scope}{measure} {}", figure.statistic.name())
}

fn arms(contrast: &Contrast) -> Table {
    let rows = [("baseline", &contrast.baseline), ("candidate", &contrast.candidate)].map(|(side, arm)| {
        let cold = arm.cold.map_or_else(|| UNKNOWN.to_owned(), |cold| cold.to_string());
        let environments = arm.environments.as_ref().map_or_else(
            || UNKNOWN.to_owned(),
            |all| format!("{} (as good as {:.1} equally busy ones)", all.distinct, all.effective),
        );
        [
            side.to_owned(),
            arm.label.clone(),
            arm.endpoint.clone(),
            arm.requests.to_string(),
            arm.succeeded.to_string(),
            cold,
            environments,
        ]
    });
    let head = ["", "system", "endpoint", "calls", "succeeded", "cold starts", "environments"];
    Table::new("Both sides, within all complete windows.", head, 3, rows)
}

fn figures(contrast: &Contrast) -> Table {
    let rows = contrast.figures.iter().map(|figure| {
        let ratio = figure.ratio.map_or_else(|| UNKNOWN.to_owned(), |ratio| interval(&ratio, times));
        let difference =
            figure.difference_us.map_or_else(|| UNKNOWN.to_owned(), |it| interval(&it, signed_duration_text));
        [
            what(figure),
            claim(figure, contrast),
            value(figure.baseline.as_ref()),
            value(figure.candidate.as_ref()),
            ratio,
            difference,
        ]
    });
    let head = ["time", "what may be claimed", "baseline", "candidate", "ratio", "difference"];
    Table::new(
        "Every statistic with its 95 % interval. A ratio below 1 means that the candidate is faster. The difference is the \
         candidate's value less the baseline's.",
        head,
        6,
        rows,
    )
}

fn value(value: Option<&Value>) -> String {
    value.map_or_else(
        || UNKNOWN.to_owned(),
        |value| {
            let us = Interval { estimate: value.us, low: value.low_us, high: value.high_us };
            interval(&us, |us| time(Some(us)))
        },
    )
}

fn interval(interval: &Interval, text: impl Fn(f64) -> String) -> String {
    if interval.low.or(interval.high).is_none() {
        return text(interval.estimate);
    }
    let end = |end: Option<f64>| end.map_or_else(|| "?".to_owned(), &text);
    format!("{} ({} to {})", text(interval.estimate), end(interval.low), end(interval.high))
}

fn claim(figure: &Figure, contrast: &Contrast) -> String {
    let faster = |label: &str| format!("{label} is faster");
    let claim = match figure.claim {
        Claim::CandidateFaster => faster(&contrast.candidate.label),
        Claim::BaselineFaster => faster(&contrast.baseline.label),
        Claim::Undecided if figure.equivalent => "equivalent".to_owned(),
        Claim::Undecided => "undecided".to_owned(),
        Claim::Nothing => "nothing".to_owned(),
    };
    let has_restarts = figure.scope == Scope::All
        && contrast.headline == Scope::Warm
        && [&contrast.baseline, &contrast.candidate].iter().any(|arm| arm.has_cold_starts());
    let is_faster = matches!(figure.claim, Claim::CandidateFaster | Claim::BaselineFaster);
    let doubts = [
        (is_faster && figure.equivalent, "equivalent all the same"),
        (has_restarts, "with the cold starts of restarts"),
        (figure.approximate, "approximate"),
        (figure.drifting, "drifting"),
        (figure.in_cold_gap, "between warm and cold"),
    ];
    let doubts = doubts.into_iter().filter(|(is, _)| *is).map(|(_, doubt)| doubt.to_owned());
    let refusal = figure.refusal.as_ref().map(ToString::to_string);
    std::iter::once(claim).chain(doubts).chain(refusal).collect::<Vec<_>>().join("; ")
}

fn cold_effect(contrast: &Contrast) -> Table {
    let rows = contrast.cold_effect.iter().map(|effect| {
        [
            effect.statistic.name().to_owned(),
            time(effect.baseline_with_us),
            time(effect.baseline_without_us),
            time(effect.candidate_with_us),
            time(effect.candidate_without_us),
        ]
    });
    let head = ["response", "baseline", "without its cold starts", "candidate", "without its cold starts"];
    Table::new("What cold starts do to the response latency.", head, 1, rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_data;

    #[test]
    fn what_is_equivalent_is_said_to_be_and_restarts_are_told() {
        let mut contrast = test_data::comparison().contrasts.remove(0);
        let mut figure = contrast.figures[0].clone();
        (figure.equivalent, figure.claim, figure.scope) = (true, Claim::Undecided, Scope::All);
        (figure.approximate, figure.drifting, figure.in_cold_gap, figure.refusal) =
            (false, false, false, None);
        assert_eq!(claim(&figure, &contrast), "equivalent");
        figure.claim = Claim::CandidateFaster;
        let faster = format!("{} is faster; equivalent all the same", contrast.candidate.label);
        assert_eq!(claim(&figure, &contrast), faster);
        (contrast.headline, contrast.baseline.cold) = (Scope::Warm, Some(0));
        contrast.candidate.cold = None;
        assert_eq!(claim(&figure, &contrast), faster);
        contrast.candidate.cold = Some(1);
        assert_eq!(claim(&figure, &contrast), format!("{faster}; with the cold starts of restarts"));
        (figure.scope, figure.equivalent) = (Scope::Warm, false);
        assert_eq!(claim(&figure, &contrast), format!("{} is faster", contrast.candidate.label));
    }

    #[test]
    fn systems_that_were_not_called_in_turn_are_not_said_to_be() {
        let mut comparison = test_data::comparison();
        assert!(design(&comparison).starts_with("The systems were called in turn in 1 run,"));
        comparison.notes.push(Note::ScheduleOfFile);
        let not_in_turn = "The systems were called at the same time in 1 run, but not in turn.";
        assert!(design(&comparison).starts_with(not_in_turn), "{}", design(&comparison));
        comparison.notes.clear();
        let unequal = Note::UnequalShares { baseline_percent: 75.0, candidate_percent: 25.0 };
        comparison.contrasts[0].notes.push(unequal);
        assert!(design(&comparison).starts_with(not_in_turn), "{}", design(&comparison));
    }
}
