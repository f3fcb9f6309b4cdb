//! The endpoints of a run as series of its charts.

use run_record::View;
use run_record::observations::Observations;
use run_record::sparse_histogram::SparseHistogram;
use run_record::units::{duration_text, us};

use crate::data::{History, Run};
use crate::draw::{Key, Mark, Sample};
use crate::palette::MAX_SERIES;

/// The endpoints of a run that its charts show, with their histories.
pub(super) fn series(run: &Run) -> impl Iterator<Item = (usize, &str, &History)> {
    let names = run.summary.endpoints.iter().map(|endpoint| endpoint.name.as_str());
    names
        .zip(&run.histories)
        .take(MAX_SERIES)
        .enumerate()
        .map(|(index, (name, history))| (index, name, history))
}

/// All values of a view, if there is one.
pub(super) fn all(history: &History, view: View) -> Option<&SparseHistogram> {
    history.views.get(view as usize).map(Observations::all).filter(|all| all.count() > 0)
}

/// The smallest and the greatest value.
pub(super) fn ends(all: &SparseHistogram) -> impl Iterator<Item = f64> {
    [0.0, 1.0].into_iter().filter_map(|share| all.quantile_ns(share)).map(|ns| ns as f64)
}

pub(super) fn key(index: usize, name: &str) -> Key {
    Key {
        class: format!("s{index}"),
        sample: Sample::LineWithMark(Mark::of_series(index)),
        text: name.to_owned(),
    }
}

pub(super) fn time(ns: u64) -> String {
    duration_text(us(ns))
}

/// A share from 0 to 1 as people write it, as in `99.9 %`.
pub(super) fn percent(share: f64) -> String {
    let text = format!("{:.4}", share * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}
