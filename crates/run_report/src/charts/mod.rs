//! The charts of a run and of a comparison.

mod budget;
mod distribution;
mod percentiles;
mod ratios;
mod timeline;

use run_record::View;
use run_record::observations::Observations;
use run_record::sparse_histogram::SparseHistogram;
use run_record::units::duration_text;

pub(crate) use budget::{PARTS, budgets, means};
pub(crate) use distribution::distribution;
pub(crate) use percentiles::percentiles;
pub(crate) use ratios::{RatioRow, ratios};
pub(crate) use timeline::timelines;

use crate::data::{Course, Run};
use crate::draw::{Key, Mark};
use crate::palette::MAX_SERIES;

/// The endpoints of a run that its charts show, with their courses.
fn series(run: &Run) -> impl Iterator<Item = (usize, &str, &Course)> {
    let names = run.summary.endpoints.iter().map(|endpoint| endpoint.name.as_str());
    names.zip(&run.courses).take(MAX_SERIES).enumerate().map(|(index, (name, course))| (index, name, course))
}

/// All values of a view, if there is one.
fn all(course: &Course, view: View) -> Option<&SparseHistogram> {
    course.views.get(view as usize).map(Observations::all).filter(|all| all.count() > 0)
}

/// The smallest and the greatest value.
fn ends(all: &SparseHistogram) -> impl Iterator<Item = f64> {
    [0.0, 1.0].into_iter().filter_map(|share| all.quantile_ns(share)).map(|ns| ns as f64)
}

fn key(index: usize, name: &str) -> Key {
    Key { class: format!("s{index}"), mark: Some(Mark::of_series(index)), text: name.to_owned() }
}

fn time(ns: u64) -> String {
    duration_text(run_record::units::us(ns))
}

/// A share from 0 to 1 as people write it, as in `99.9 %`.
fn percent(share: f64) -> String {
    let text = format!("{:.4}", share * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Rows of cells as CSV.
fn csv<const COLUMNS: usize>(
    header: [&str; COLUMNS],
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let rows = std::iter::once(header.map(str::to_owned)).chain(rows);
    rows.for_each(|row| writer.write_record(row).expect("rows are equally long, and memory takes them"));
    String::from_utf8(writer.into_inner().expect("memory takes it")).expect("text in, text out")
}

/// A number that may not be known.
fn cell(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}
