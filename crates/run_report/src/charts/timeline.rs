//! How latencies went over the time of a run.

use run_record::units::{self, counted};

use super::csv::{cell, csv};
use super::series::{series, time};
use crate::chart::Chart;
use crate::data::{History, Run, Span};
use crate::draw::{Area, Axis, Canvas, Key, Labels, Mark, Plot, Sample};

/// A run of one endpoint over time.
struct Line<'a> {
    run: &'a Run,
    index: usize,
    name: &'a str,
    history: &'a History,
}

/// One chart for each endpoint. They have the same axes.
pub(crate) fn timelines(run: &Run) -> Vec<Chart> {
    let lines = series(run).map(|(index, name, history)| Line { run, index, name, history });
    lines.filter(|line| !line.history.spans.is_empty()).map(|line| line.chart()).collect()
}

impl Line<'_> {
    fn chart(&self) -> Chart {
        let mut canvas = Canvas::default();
        let (area, height) = self.plot().frame(&mut canvas);
        self.windows(&mut canvas, &area);
        self.curve(&mut canvas, &area, &format!("thin s{}", self.index), |span| span.p99_ns);
        self.curve(&mut canvas, &area, &format!("line s{}", self.index), |span| span.p50_ns);
        for (at, span) in self.history.spans.iter().enumerate() {
            self.marks(&mut canvas, &area, at, span);
        }
        let caption = format!(
            "{}: response latency by the time at which calls were due, in spans of {}.{}",
            self.name,
            units::duration_text(self.run.span_s * 1e6),
            if self.has_windows() {
                " Shaded and light stripes are the windows that a comparison is made of; what comes after the last \
                 complete one is not used."
            } else {
                ""
            }
        );
        let svg = canvas.finish(height, &caption);
        Chart::new(&format!("timeline-{}", self.index + 1), caption, svg, self.data())
    }

    fn plot(&self) -> Plot {
        let spans = || self.run.histories.iter().flat_map(|history| &history.spans);
        let values = spans().flat_map(|span| [span.p50_ns, span.p99_ns, span.cold_max_ns]).flatten();
        let longest = self.run.histories.iter().map(|history| history.spans.len()).max().unwrap_or(0);
        let series = format!("s{}", self.index);
        let key =
            |class: &str, sample, text: &str| Key { class: class.to_owned(), sample, text: text.to_owned() };
        let mut legend = vec![key(&series, Sample::Line, "p50"), key(&series, Sample::ThinLine, "p99")];
        let has = |count: fn(&Span) -> u64| spans().any(|span| count(span) > 0);
        legend.extend(has(|span| span.cold).then(|| key("cold", Sample::Mark(Mark::Circle), "cold starts")));
        legend.extend(has(|span| span.failed).then(|| key("failure", Sample::Mark(Mark::Cross), "failures")));
        Plot {
            x: Axis::linear(
                "time since the start, in seconds",
                Labels::Number,
                longest as f64 * self.run.span_s,
            ),
            y: Axis::logarithmic("response latency", Labels::Duration, values.map(|ns| ns as f64)),
            legend,
            height: 130.0,
            rows: None,
        }
    }

    fn has_windows(&self) -> bool {
        self.run.window_s > 0.0
            && self.history.spans.len() as f64 * self.run.span_s >= 2.0 * self.run.window_s
    }

    /// Stripes for every second window.
    fn windows(&self, canvas: &mut Canvas, area: &Area) {
        let window_s = self.run.window_s;
        let end_s = area.x_axis().high();
        let mut start_s = 0.0;
        // More stripes than these are no stripes.
        while self.has_windows() && start_s + window_s <= end_s && end_s / window_s <= 100.0 {
            let (left, right) = (area.x(start_s), area.x(start_s + window_s));
            canvas.rectangle("window", [left, area.top], [right - left, area.height], "");
            start_s += 2.0 * window_s;
        }
    }

    /// A curve, which is interrupted where there is no value.
    fn curve(&self, canvas: &mut Canvas, area: &Area, class: &str, value: fn(&Span) -> Option<u64>) {
        let mut part = Vec::new();
        for (at, span) in self.history.spans.iter().enumerate() {
            match value(span) {
                Some(ns) => part.push([area.x(self.middle_s(at)), area.y(ns as f64)]),
                None => canvas.polyline_if_any(class, &std::mem::take(&mut part)),
            }
        }
        canvas.polyline_if_any(class, &part);
    }

    fn marks(&self, canvas: &mut Canvas, area: &Area, at: usize, span: &Span) {
        let x = area.x(self.middle_s(at));
        let times = format!(
            "from {:.1} s to {:.1} s",
            at as f64 * self.run.span_s,
            (at + 1) as f64 * self.run.span_s
        );
        if let Some(p50_ns) = span.p50_ns {
            let p99 = span.p99_ns.map_or_else(String::new, |ns| format!(", p99 {}", time(ns)));
            let title =
                format!("{times}: {} answered, p50 {}{p99}", counted(span.succeeded, "call"), time(p50_ns));
            let width = self.run.span_s / area.x_axis().high() * area.width;
            canvas.rectangle("hover", [x - width / 2.0, area.top], [width, area.height], &title);
        }
        if let Some(ns) = span.cold_max_ns.filter(|_| span.cold > 0) {
            let title = format!("{times}: {}, the slowest {}", counted(span.cold, "cold start"), time(ns));
            canvas.path("cold", &Mark::Circle.path([x, area.y(ns as f64)], 2.8), &title);
        }
        if span.failed > 0 {
            let title = format!("{times}: {}", counted(span.failed, "failure"));
            canvas.path("failure", &Mark::Cross.path([x, area.top + 5.0], 3.0), &title);
        }
    }

    fn middle_s(&self, at: usize) -> f64 {
        (at as f64 + 0.5) * self.run.span_s
    }

    fn data(&self) -> String {
        let rows = self.history.spans.iter().enumerate().map(|(at, span)| {
            [
                (at as f64 * self.run.span_s).to_string(),
                span.succeeded.to_string(),
                cell(span.p50_ns),
                cell(span.p99_ns),
                cell(span.max_ns),
                span.cold.to_string(),
                cell(span.cold_max_ns),
                span.failed.to_string(),
            ]
        });
        csv(
            ["from_s", "succeeded", "p50_ns", "p99_ns", "max_ns", "cold_starts", "cold_max_ns", "failed"],
            rows,
        )
    }
}
