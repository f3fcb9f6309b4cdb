//! Which share of calls was answered within which time.

use run_record::View;
use run_record::sparse_histogram::SparseHistogram;

use super::csv::csv;
use super::series::{all, ends, key, percent, series, time};
use crate::chart::Chart;
use crate::data::Run;
use crate::draw::{Axis, Canvas, Labels, Mark, Plot};

/// Points of a curve.
const POINTS: u32 = 200;
/// The shares that have a mark.
const MARKED: [f64; 3] = [0.25, 0.5, 0.9];

/// The cumulative distribution of the response latency of each endpoint; `None` if no call succeeded.
pub(crate) fn distribution(run: &Run) -> Option<Chart> {
    let curves: Vec<(usize, &str, &SparseHistogram)> = series(run)
        .filter_map(|(index, name, history)| Some((index, name, all(history, View::Response)?)))
        .collect();
    if curves.is_empty() {
        return None;
    }
    let ends = curves.iter().flat_map(|(.., all)| ends(all));
    let plot = Plot {
        x: Axis::logarithmic("response latency", Labels::Duration, ends),
        y: Axis::linear("share of successful calls", Labels::Percent, 1.0),
        legend: curves.iter().map(|(index, name, _)| key(*index, name)).collect(),
        height: 170.0,
        rows: None,
    };
    let mut canvas = Canvas::default();
    let (area, height) = plot.frame(&mut canvas);
    let mut rows = Vec::new();
    for (index, name, all) in &curves {
        let points: Vec<(f64, u64)> = points(all);
        let line: Vec<_> = points.iter().map(|(share, ns)| [area.x(*ns as f64), area.y(*share)]).collect();
        canvas.polyline(&format!("line s{index}"), &line);
        for (share, ns) in MARKED.into_iter().filter_map(|share| Some((share, all.quantile_ns(share)?))) {
            let title = format!("{name}: {} within {}", percent(share), time(ns));
            let mark = Mark::of_series(*index).path([area.x(ns as f64), area.y(share)], 3.2);
            canvas.path(&format!("mark s{index}"), &mark, &title);
        }
        rows.extend(
            points.into_iter().map(|(share, ns)| [(*name).to_owned(), ns.to_string(), share.to_string()]),
        );
    }
    let caption = "The share of successful calls that were answered within a time.".to_owned();
    let svg = canvas.finish(height, &caption);
    Some(Chart::new("distribution", caption, svg, csv(["endpoint", "latency_ns", "share"], rows)))
}

/// Shares from 0 to 1 with their latencies.
fn points(all: &SparseHistogram) -> Vec<(f64, u64)> {
    let shares = (0..=POINTS).map(|point| f64::from(point) / f64::from(POINTS));
    shares.filter_map(|share| Some((share, all.quantile_ns(share)?))).collect()
}
