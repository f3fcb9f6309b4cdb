//! Where the time of a call went, as bars.

use run_record::budget::{Part, PartMeans, PartsSummary};
use run_record::units::duration_text;

use super::csv::csv;
use crate::chart::Chart;
use crate::data::Run;
use crate::draw::{Anchor, Area, Axis, Canvas, FONT_SIZE, Key, Labels, Plot, Sample, text_width};
use crate::palette::MAX_SERIES;
use crate::time_names;

/// The height of a bar with the room around it.
const ROW: f64 = 26.0;
/// The height of a bar.
const BAR: f64 = 16.0;

/// The bars of warm calls, and those of cold starts, as far as they are known.
pub(crate) fn budgets(run: &Run) -> Vec<Chart> {
    let warm =
        chart(run, "budget-warm", "calls of running environments", |endpoint| endpoint.budget.warm.as_ref());
    let cold = chart(run, "budget-cold", "cold starts", |endpoint| endpoint.budget.cold.as_ref());
    warm.into_iter().chain(cold).collect()
}

fn chart(
    run: &Run,
    name: &str,
    of_what: &str,
    parts: fn(&run_record::summary::EndpointSummary) -> Option<&PartsSummary>,
) -> Option<Chart> {
    let endpoints = run.summary.endpoints.iter().take(MAX_SERIES);
    let bars: Vec<(&str, &PartMeans)> =
        endpoints.filter_map(|endpoint| Some((endpoint.name.as_str(), &parts(endpoint)?.mean))).collect();
    let longest_us = bars.iter().map(|(_, means)| means.response).reduce(f64::max)?;
    // The total stands behind its bar.
    let room = 1.0 + (text_width("999 ms") + 8.0) / 180.0;
    let key = |part| Key { class: class(part), sample: Sample::Area, text: time_names::long(part) };
    let plot = Plot {
        x: Axis::linear("mean time of a call", Labels::Duration, longest_us * 1e3 * room),
        y: Axis::linear("", Labels::Number, 1.0),
        legend: Part::ALL.map(key).to_vec(),
        height: ROW * bars.len() as f64,
        rows: Some(bars.iter().map(|(name, _)| (*name).to_owned()).collect()),
    };
    let mut canvas = Canvas::default();
    let (area, height) = plot.frame(&mut canvas);
    for (index, (name, means)) in bars.iter().enumerate() {
        bar(&mut canvas, &area, area.row(index, bars.len()), name, means);
    }
    let caption = format!("Where the time of {of_what} went: means, which add up to the response latency.");
    let svg = canvas.finish(height, &caption);
    Some(Chart::new(name, caption, svg, data(&bars)))
}

fn bar(canvas: &mut Canvas, area: &Area, y: f64, name: &str, of: &PartMeans) {
    let mut from_ns = 0.0;
    for part in Part::ALL {
        let Some(us) = of.parts.get(part).filter(|us| *us > 0.0) else { continue };
        let (left, right) = (area.x(from_ns), area.x(from_ns + us * 1e3));
        let title = format!(
            "{name}: {} {}, {:.1} % of {}",
            time_names::long(part),
            duration_text(us),
            us / of.response * 100.0,
            duration_text(of.response)
        );
        canvas.rectangle(&class(part), [left, y - BAR / 2.0], [right - left, BAR], &title);
        from_ns += us * 1e3;
    }
    canvas.text(
        "label",
        [area.x(from_ns) + 4.0, y + FONT_SIZE * 0.35],
        Anchor::Start,
        &duration_text(of.response),
    );
}

/// The class of a part, whose colour a page knows.
fn class(part: Part) -> String {
    format!("part{}", part as usize)
}

fn data(bars: &[(&str, &PartMeans)]) -> String {
    let rows = bars.iter().flat_map(|(name, of)| {
        let parts =
            Part::ALL.into_iter().filter_map(|part| Some((time_names::long(part), (*of.parts.get(part))?)));
        parts
            .chain([("response".to_owned(), of.response)])
            .map(|(part, us)| [(*name).to_owned(), part, us.to_string()])
    });
    csv(["endpoint", "part", "mean_us"], rows)
}
