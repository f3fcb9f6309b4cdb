//! How many times as long one system takes as another, with intervals.

use super::csv::{cell, csv};
use crate::chart::Chart;
use crate::draw::{Area, Axis, Canvas, Labels, Mark, Plot};

/// The height of a row.
const ROW: f64 = 18.0;

/// One ratio with its interval.
#[derive(Clone, Debug)]
pub(crate) struct RatioRow {
    pub(crate) label: String,
    pub(crate) ratio: f64,
    /// The ends of the interval; absent if they are not known.
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
}

/// The ratios as marks with whiskers beside a line at 1; `None` if there is none.
pub(crate) fn ratios(name: &str, caption: String, title: &str, rows: &[RatioRow]) -> Option<Chart> {
    if rows.is_empty() {
        return None;
    }
    let values = rows.iter().flat_map(|row| [Some(row.ratio), row.low, row.high]).flatten();
    let plot = Plot {
        x: Axis::logarithmic(title, Labels::Number, values.chain([1.0])),
        y: Axis::linear("", Labels::Number, 1.0),
        legend: Vec::new(),
        height: ROW * rows.len() as f64,
        rows: Some(rows.iter().map(|row| row.label.clone()).collect()),
    };
    let mut canvas = Canvas::default();
    let (area, height) = plot.frame(&mut canvas);
    canvas.line("one", [area.x(1.0), area.top], [area.x(1.0), area.top + area.height]);
    for (index, row) in rows.iter().enumerate() {
        row.draw(&mut canvas, &area, area.row(index, rows.len()));
    }
    let data = rows.iter().map(|row| {
        [row.label.clone(), rounded(row.ratio), cell(row.low.map(rounded)), cell(row.high.map(rounded))]
    });
    let data = csv(["what", "ratio", "low", "high"], data);
    let svg = canvas.finish(height, &caption);
    Some(Chart::new(name, caption, svg, data))
}

/// Six digits after the point.
fn rounded(ratio: f64) -> String {
    format!("{ratio:.6}")
}

impl RatioRow {
    fn draw(&self, canvas: &mut Canvas, area: &Area, y: f64) {
        let end = |end: Option<f64>| end.map_or_else(|| "?".to_owned(), |end| format!("{end:.3}"));
        let title = format!(
            "{}: {:.3}, 95 % interval {} to {}",
            self.label,
            self.ratio,
            end(self.low),
            end(self.high)
        );
        // An end that is not known reaches to the edge, without a cap.
        let left = self.low.map_or(area.left, |low| area.x(low));
        let right = self.high.map_or(area.left + area.width, |high| area.x(high));
        canvas.line("whisker s0", [left, y], [right, y]);
        for (x, _) in [(left, self.low), (right, self.high)].into_iter().filter(|(_, end)| end.is_some()) {
            canvas.line("whisker s0", [x, y - 3.5], [x, y + 3.5]);
        }
        canvas.path("mark s0", &Mark::Square.path([area.x(self.ratio), y], 3.2), &title);
        canvas.rectangle("hover", [area.left, y - ROW / 2.0], [area.width, ROW], &title);
    }
}
