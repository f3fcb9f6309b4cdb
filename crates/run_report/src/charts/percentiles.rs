//! Latencies by percentile, on HdrHistogram's axis.

use run_record::View;
use run_record::observations::Observations;
use run_record::percentile_interval::{MIN_BLOCKS, PercentileInterval};
use run_record::sparse_histogram::SparseHistogram;
use run_record::spread::MIN_ENVIRONMENTS;
use run_record::units::duration_text;

use super::csv::{cell, csv};
use super::series::{all, ends, key, percent, series, time};
use crate::chart::Chart;
use crate::data::Run;
use crate::draw::{Area, Axis, Canvas, Labels, Mark, Plot};

/// The confidence of the bands.
const CONFIDENCE: f64 = 0.95;
/// In shorter blocks, what happens in one reaches into the next.
const GOOD_BLOCK_S: f64 = 30.0;
/// Points of a curve.
const POINTS: u32 = 120;
/// Percentiles between 0 and 90 %, and so on, whose intervals are computed; between them, the band is drawn straight.
const PER_DECADE: i32 = 10;
/// The percentiles that have a mark.
const MARKED: [f64; 6] = [0.5, 0.9, 0.99, 0.999, 0.999_9, 0.999_99];

/// The curve of one endpoint.
struct Curve<'a> {
    index: usize,
    name: &'a str,
    all: &'a SparseHistogram,
    known: Vec<Known>,
    /// How many environments, all answering equally often, would tell as much; 0 if none is known.
    environments: f64,
}

/// A percentile with its interval, as far as there is one.
struct Known {
    share: f64,
    value_ns: u64,
    interval: Option<[u64; 2]>,
}

/// The percentiles of a view of each endpoint; `None` if no endpoint has a latency in this view.
pub(crate) fn percentiles(run: &Run, view: View) -> Option<Chart> {
    let curves: Vec<Curve<'_>> = series(run)
        .filter_map(|(index, name, history)| {
            Some(Curve::new(index, name, history.views.get(view as usize)?, all(history, view)?))
        })
        .collect();
    let most = curves.iter().map(|curve| curve.all.count()).max()?;
    let ends = curves.iter().flat_map(|curve| ends(curve.all));
    let plot = Plot {
        x: Axis::percentiles("percentile", most),
        y: Axis::logarithmic(&format!("{} latency", view.name()), Labels::Duration, ends),
        legend: curves.iter().map(|curve| key(curve.index, curve.name)).collect(),
        height: 190.0,
        rows: None,
    };
    let mut canvas = Canvas::default();
    let (area, height) = plot.frame(&mut canvas);
    curves.iter().for_each(|curve| curve.band(&mut canvas, &area));
    curves.iter().for_each(|curve| curve.line(&mut canvas, &area));
    curves.iter().for_each(|curve| curve.marks(&mut canvas, &area));
    let caption = format!("Percentiles of the {} latency. {}", view.name(), about_bands(run, &curves));
    let svg = canvas.finish(height, &caption);
    Some(Chart::new(&format!("percentiles-{}", view.name()), caption, svg, data(&curves)))
}

/// What the bands are, and what to keep in mind about them.
fn about_bands(run: &Run, curves: &[Curve<'_>]) -> String {
    if !curves.iter().flat_map(|curve| &curve.known).any(|known| known.interval.is_some()) {
        return format!(
            "There are no bands: 95 % intervals take at least {MIN_BLOCKS} blocks of 10 s or more, and enough calls."
        );
    }
    let length = duration_text(run.block_s * 1e6);
    let short =
        if run.block_s < GOOD_BLOCK_S { ", and a little too narrow, since the blocks are short" } else { "" };
    format!(
        "The bands are 95 % intervals from blocks of {length}{short}, and from {}; where a curve is thin, too few calls lie above \
         to tell one.",
        environments(curves)
    )
}

/// What the bands know of environments.
fn environments(curves: &[Curve<'_>]) -> &'static str {
    let fewest = curves.iter().map(|curve| curve.environments).fold(f64::INFINITY, f64::min);
    match fewest {
        0.0 => "calls alone where no answer told its environment",
        ..MIN_ENVIRONMENTS => "one environment where a single one answered, so that others may differ",
        _ => "how much environments differ",
    }
}

fn data(curves: &[Curve<'_>]) -> String {
    let rows = curves.iter().flat_map(|curve| {
        curve.known.iter().map(|known| {
            let end = |end: usize| cell(known.interval.map(|ends| ends[end]));
            [curve.name.to_owned(), format!("{:.6}", known.share), known.value_ns.to_string(), end(0), end(1)]
        })
    });
    csv(["endpoint", "share", "latency_ns", "low_ns", "high_ns"], rows)
}

/// The percentiles of the band and of the data.
fn shares() -> Vec<f64> {
    let steps = (1..=5 * PER_DECADE).map(|step| 1.0 - 0.1_f64.powf(f64::from(step) / f64::from(PER_DECADE)));
    let mut shares: Vec<f64> = steps.chain(MARKED).collect();
    shares.sort_by(f64::total_cmp);
    // Those with a mark are there twice, but for a rounding error.
    shares.dedup_by(|next, share| *next - *share < 1e-9);
    shares
}

impl<'a> Curve<'a> {
    fn new(index: usize, name: &'a str, values: &Observations, all: &'a SparseHistogram) -> Self {
        let most = 1.0 - 1.0 / all.count().max(2) as f64;
        let known = shares().into_iter().take_while(|share| *share <= most).filter_map(|share| {
            let estimate = PercentileInterval::of(values, share, CONFIDENCE).ok();
            let interval = estimate.and_then(|estimate| Some([estimate.low_ns, estimate.high_ns?]));
            Some(Known { share, value_ns: all.quantile_ns(share)?, interval })
        });
        let known = known.collect();
        Self { index, name, all, known, environments: values.environments() }
    }

    fn band(&self, canvas: &mut Canvas, area: &Area) {
        let side = |end: usize| {
            let ends = self.known.iter().filter_map(move |known| Some((known.share, known.interval?[end])));
            ends.map(|(share, ns)| [area.x(share), area.y(ns as f64)])
        };
        let edge: Vec<_> = side(0).chain(side(1).collect::<Vec<_>>().into_iter().rev()).collect();
        if edge.len() > 2 {
            canvas.polygon(&format!("band s{}", self.index), &edge);
        }
    }

    fn line(&self, canvas: &mut Canvas, area: &Area) {
        // Up to the last percentile with an interval, the curve is known.
        let known = self.known.iter().rfind(|known| known.interval.is_some()).map(|known| known.share);
        let most = 1.0 - 1.0 / self.all.count() as f64;
        let shares = (0..=POINTS).map(|point| area.x_axis().value(f64::from(point) / f64::from(POINTS)));
        let mut shares: Vec<f64> = shares.filter(|share| *share < most).chain([most]).chain(known).collect();
        shares.sort_by(f64::total_cmp);
        let point = |share: &f64| Some([area.x(*share), area.y(self.all.quantile_ns(*share)? as f64)]);
        let (sure, unsure): (Vec<_>, Vec<_>) = (
            shares
                .iter()
                .filter(|share| known.is_some_and(|known| **share <= known))
                .filter_map(point)
                .collect(),
            shares
                .iter()
                .filter(|share| known.is_none_or(|known| **share >= known))
                .filter_map(point)
                .collect(),
        );
        canvas.polyline_if_any(&format!("line s{}", self.index), &sure);
        canvas.polyline_if_any(&format!("thin s{}", self.index), &unsure);
    }

    fn marks(&self, canvas: &mut Canvas, area: &Area) {
        for Known { share, value_ns, interval } in &self.known {
            if MARKED.iter().any(|marked| (marked - share).abs() < 1e-9) {
                let interval = interval.map_or_else(
                    || "no interval".to_owned(),
                    |[low, high]| format!("95 % interval {} to {}", time(low), time(high)),
                );
                let title =
                    format!("{}: {} within {} ({interval})", self.name, percent(*share), time(*value_ns));
                let mark = Mark::of_series(self.index).path([area.x(*share), area.y(*value_ns as f64)], 3.2);
                canvas.path(&format!("mark s{}", self.index), &mark, &title);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use run_record::observations::Cell;

    use super::*;
    use crate::test_data;

    #[test]
    fn bands_tell_how_long_their_blocks_are_and_there_are_none_from_a_few() {
        let mut run = test_data::run();
        let caption = |run: &Run| percentiles(run, View::Response).expect("there are latencies").caption;
        assert!(
            caption(&run).contains("from blocks of 10.0 s, and a little too narrow"),
            "{}",
            caption(&run)
        );
        run.block_s = 30.0;
        assert!(caption(&run).contains("from blocks of 30.0 s, and from calls alone"), "{}", caption(&run));
        for history in &mut run.histories {
            let values = history.views[0].all().clone();
            history.views[0] = Observations::new(5, vec![Cell { window: 0, environment: None, values }]);
        }
        let chart = percentiles(&run, View::Response).expect("there are latencies");
        assert!(chart.caption.contains("There are no bands"), "{}", chart.caption);
        assert!(chart.csv.lines().skip(1).all(|line| line.ends_with(",,")), "{}", chart.csv);
    }
}
