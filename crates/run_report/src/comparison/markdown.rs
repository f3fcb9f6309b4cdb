//! A comparison as Markdown, to be kept beside a paper.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use run_record::comparison::{Comparison, Contrast};

use super::table;
use super::words::{Extent, cold_effect, contrast_notes, did, limits, made_of};

/// The verdict, what limits the result, and for each function sentences and a table.
pub fn markdown(comparison: &Comparison, extent: Extent) -> String {
    let verdict = if comparison.valid { "valid" } else { "invalid" };
    let mut text =
        format!("# Comparison\n\nVerdict: **{verdict}**. Made of {}.\n\n", escaped(&made_of(comparison)));
    for limit in limits(comparison) {
        item(&mut text, &limit);
    }
    for run in &comparison.runs {
        item(&mut text, &format!("run {}: begun at {}, {} requests", run.folder, run.start, run.requests));
    }
    let makers = comparison.runs.iter().map(|run| format!("awsinvoker {} on {}", run.version, run.machine));
    makers.collect::<BTreeSet<_>>().iter().for_each(|maker| item(&mut text, &format!("measured by {maker}")));
    comparison.contrasts.iter().for_each(|contrast| self::contrast(&mut text, contrast, extent));
    text
}

fn contrast(text: &mut String, contrast: &Contrast, extent: Extent) {
    let (baseline, candidate) = (escaped(&contrast.baseline.label), escaped(&contrast.candidate.label));
    let _ = writeln!(text, "\n## {}: {candidate} against {baseline}\n", escaped(&contrast.function));
    contrast_notes(contrast).for_each(|note| item(text, &note));
    contrast.sentences.iter().for_each(|sentence| item(text, sentence));
    for arm in [&contrast.baseline, &contrast.candidate] {
        item(text, &did(arm));
        item(text, &format!("{} was {}", arm.label, arm.called));
    }
    text.push('\n');
    let rows = table::rows(contrast, extent);
    let [time, _, _, ratio, bounds, candidate_is] = table::HEADS;
    let (baseline, candidate) = (&contrast.baseline.label, &contrast.candidate.label);
    row(text, [time, baseline, candidate, ratio, bounds, candidate_is, "difference", bounds]);
    text.push_str("|:---|---:|---:|---:|---:|:---|---:|---:|\n");
    for (cells, figure) in rows.iter().zip(table::shown(contrast, extent)) {
        let difference = table::difference(figure).unwrap_or_else(|| ["-".to_owned(), "-".to_owned()]);
        row(text, cells.iter().chain(&difference).map(String::as_str));
    }
    text.push('\n');
    item(
        text,
        &format!(
            "ratio: {candidate}, the candidate, divided by {baseline}, the baseline; below 1, the candidate is faster"
        ),
    );
    let marks: Vec<_> = table::marks_of(&rows).collect();
    marks.iter().for_each(|(mark, _, meaning)| item(text, &format!("{mark}: {meaning}")));
    let effects: Vec<String> = cold_effect(contrast).collect();
    if !effects.is_empty() {
        text.push_str("\n### Cold starts\n\n");
    }
    effects.iter().for_each(|effect| item(text, effect));
}

fn item(text: &mut String, content: &str) {
    let _ = writeln!(text, "- {}", escaped(content));
}

fn row<'a>(text: &mut String, cells: impl IntoIterator<Item = &'a str>) {
    let cells: Vec<String> = cells.into_iter().map(escaped).collect();
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

/// Text whose characters mean nothing to Markdown.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for char in text.chars() {
        match char {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '&' => {
                escaped.extend(['\\', char])
            }
            '\n' | '\r' => escaped.push(' '),
            _ => escaped.push(char),
        }
    }
    escaped
}
