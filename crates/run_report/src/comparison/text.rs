//! A comparison as text of 80 columns.

use std::fmt::Write as _;

use run_record::comparison::{Comparison, Contrast};

use super::table;
use super::words::{Extent, cold_effect, contrast_notes, did, limits, made_of};

/// No line is wider, unless a word is.
const WIDTH: usize = 80;
/// The widths of the columns of the table.
const COLUMNS: [usize; 6] = [20, 9, 10, 7, 17, 0];

/// The verdict, what limits the result, and for each function sentences and a table.
pub fn text(comparison: &Comparison, extent: Extent) -> String {
    let mut text = String::new();
    let verdict = if comparison.valid { "valid" } else { "invalid" };
    line(&mut text, "", &format!("verdict: {verdict}"));
    limits(comparison).iter().for_each(|limit| line(&mut text, "", limit));
    line(&mut text, "", &format!("made of: {}", made_of(comparison)));
    comparison.contrasts.iter().for_each(|contrast| self::contrast(&mut text, contrast, extent));
    text
}

fn contrast(text: &mut String, contrast: &Contrast, extent: Extent) {
    let (baseline, candidate) = (&contrast.baseline.label, &contrast.candidate.label);
    text.push('\n');
    line(text, "", &format!("{}: {candidate} against {baseline}, the baseline", contrast.function));
    contrast_notes(contrast).for_each(|note| line(text, "  ", &note));
    contrast.sentences.iter().for_each(|sentence| line(text, "  ", sentence));
    [&contrast.baseline, &contrast.candidate].iter().for_each(|arm| line(text, "  ", &did(arm)));
    text.push('\n');
    let rows = table::rows(contrast, extent);
    row(text, &table::HEADS.map(str::to_owned));
    rows.iter().for_each(|cells| row(text, cells));
    table::marks_of(&rows)
        .for_each(|(mark, short, meaning)| line(text, "  ", &format!("{short} ({mark}): {meaning}")));
    cold_effect(contrast).for_each(|it| line(text, "  ", &it));
    if extent == Extent::All {
        differences(text, contrast);
    }
}

/// A second table: a line is too short for all of it.
fn differences(text: &mut String, contrast: &Contrast) {
    let mut rows = table::shown(contrast, Extent::All)
        .filter_map(|figure| Some((table::name(figure), table::difference(figure)?)))
        .peekable();
    if rows.peek().is_none() {
        return;
    }
    let _ = writeln!(text, "\n  {:<22}{:>12}  95 %", "candidate less", "baseline");
    for (name, [difference, interval]) in rows {
        let _ = writeln!(text, "  {name:<22}{difference:>12}  {interval}");
    }
}

/// A row of the table. What is too wide for its column is cut.
fn row(text: &mut String, cells: &[String; 6]) {
    let mut line = String::from("  ");
    for (at, (cell, width)) in cells.iter().zip(COLUMNS).enumerate() {
        match at {
            0 => _ = write!(line, "{:<width$}", cut(cell, width - 1)),
            5 => _ = write!(line, " {}", table::short(cell)),
            _ => _ = write!(line, "{:>width$}", cut(cell, width - 1)),
        }
    }
    let _ = writeln!(text, "{}", line.trim_end());
}

fn cut(cell: &str, width: usize) -> String {
    if cell.chars().count() <= width {
        return cell.to_owned();
    }
    cell.chars().take(width - 1).chain(['…']).collect()
}

/// A paragraph, wrapped, whose further lines are indented.
fn line(text: &mut String, indent: &str, paragraph: &str) {
    let mut width = 0;
    for word in paragraph.split(' ') {
        let length = word.chars().count();
        if width == 0 {
            let _ = write!(text, "{indent}{word}");
            width = indent.len() + length;
        } else if width + 1 + length > WIDTH {
            let _ = write!(text, "\n{indent}  {word}");
            width = indent.len() + 2 + length;
        } else {
            let _ = write!(text, " {word}");
            width += 1 + length;
        }
    }
    text.push('\n');
}
