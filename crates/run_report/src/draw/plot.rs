//! The frame of a chart: its legend, its axes, and the area for its marks.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, WIDTH};
use super::marks::Mark;
use super::text_width::{FONT_SIZE, shortened, text_width};

/// The height of a line of text.
const LINE: f64 = 15.0;
/// The room between a label and what it belongs to.
const GAP: f64 = 5.0;
/// The width of the sample of a series in the legend, and what follows it.
const SAMPLE_WIDTH: f64 = 20.0;
/// The room between two entries of the legend.
const BETWEEN: f64 = 12.0;

/// An entry of a legend.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    /// The classes of its sample.
    pub(crate) class: String,
    pub(crate) sample: Sample,
    pub(crate) text: String,
}

/// What stands for something in a legend.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sample {
    ThinLine,
    Line,
    LineWithMark(Mark),
    Mark(Mark),
    Area,
}

/// What a chart has beside its marks.
#[derive(Clone, Debug)]
pub(crate) struct Plot {
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) legend: Vec<Key>,
    /// The height of the area for the marks.
    pub(crate) height: f64,
    /// Labels of rows instead of the vertical axis.
    pub(crate) rows: Option<Vec<String>>,
}

/// The area for the marks.
#[derive(Clone, Debug)]
pub(crate) struct Area {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
    x: Axis,
    y: Axis,
}

impl Plot {
    /// Draws the frame. Returns the area for the marks, and the height of the whole chart.
    pub(crate) fn frame(self, canvas: &mut Canvas) -> (Area, f64) {
        let top = self.legend(canvas) + if self.y.title.is_empty() { GAP } else { LINE + GAP };
        let left = self.left();
        // The last label of the horizontal axis is centred at its end.
        let width = WIDTH - left - GAP - text_width(&self.x.label(self.x.high())).max(24.0) / 2.0;
        let height = self.height;
        let area = Area { left, top, width, height, x: self.x.clone(), y: self.y.clone() };
        if !self.y.title.is_empty() {
            canvas.text("title", [0.0, top - GAP - 2.0], Anchor::Start, &self.y.title);
        }
        self.vertical(canvas, &area);
        let bottom = Self::horizontal(canvas, &area);
        (area, bottom)
    }

    /// The room for labels at the left.
    fn left(&self) -> f64 {
        let labels = match &self.rows {
            Some(rows) => rows.iter().map(|row| text_width(row)).fold(0.0, f64::max).min(WIDTH * 0.5),
            None => self.y_ticks().iter().map(|value| text_width(&self.y.label(*value))).fold(0.0, f64::max),
        };
        labels + GAP
    }

    fn y_ticks(&self) -> Vec<f64> {
        let height = self.height;
        self.y.ticks(|ticks| {
            let places: Vec<f64> = ticks.iter().map(|value| self.y.place(*value) * height).collect();
            places.windows(2).all(|pair| pair[1] - pair[0] >= LINE + 4.0)
        })
    }

    fn vertical(&self, canvas: &mut Canvas, area: &Area) {
        match &self.rows {
            Some(rows) => {
                for (index, row) in rows.iter().enumerate() {
                    let y = area.row(index, rows.len()) + FONT_SIZE * 0.35;
                    canvas.text("label", [area.left - GAP, y], Anchor::End, &shortened(row, area.left - GAP));
                }
            }
            None => {
                for value in self.y_ticks() {
                    let y = area.y(value);
                    canvas.line("grid", [area.left, y], [area.left + area.width, y]);
                    let place = [area.left - GAP, y + FONT_SIZE * 0.35];
                    canvas.text("label", place, Anchor::End, &self.y.label(value));
                }
            }
        }
    }

    /// The horizontal axis. Returns where the chart ends.
    fn horizontal(canvas: &mut Canvas, area: &Area) -> f64 {
        let bottom = area.top + area.height;
        let ticks = area.x.ticks(|ticks| {
            let ends = ticks.iter().map(|value| {
                let half = text_width(&area.x.label(*value)) / 2.0;
                [area.x(*value) - half, area.x(*value) + half]
            });
            let ends: Vec<_> = ends.collect();
            ends.windows(2).all(|pair| pair[1][0] - pair[0][1] >= GAP)
        });
        for value in ticks {
            let x = area.x(value);
            canvas.line("grid", [x, area.top], [x, bottom]);
            canvas.text("label", [x, bottom + LINE], Anchor::Middle, &area.x.label(value));
        }
        canvas.line("axis", [area.left, bottom], [area.left + area.width, bottom]);
        canvas.text(
            "title",
            [area.left + area.width / 2.0, bottom + 2.0 * LINE],
            Anchor::Middle,
            &area.x.title,
        );
        bottom + 2.0 * LINE + GAP
    }

    /// The legend at the top, in as many lines as it takes. Returns where it ends.
    fn legend(&self, canvas: &mut Canvas) -> f64 {
        let (mut x, mut line) = (0.0, 0.0);
        for key in &self.legend {
            let text = shortened(&key.text, WIDTH - SAMPLE_WIDTH - GAP);
            let width = SAMPLE_WIDTH + GAP + text_width(&text);
            if x > 0.0 && x + width > WIDTH {
                (x, line) = (0.0, line + 1.0);
            }
            let y = line * LINE + LINE / 2.0 + 1.0;
            key.draw(canvas, [x, y]);
            canvas.text("label", [x + SAMPLE_WIDTH + GAP, y + FONT_SIZE * 0.35], Anchor::Start, &text);
            x += width + BETWEEN;
        }
        if self.legend.is_empty() { 0.0 } else { (line + 1.0) * LINE + 2.0 }
    }
}

impl Key {
    fn draw(&self, canvas: &mut Canvas, [x, y]: [f64; 2]) {
        let line = match self.sample {
            Sample::Line | Sample::LineWithMark(_) => Some("line"),
            Sample::ThinLine => Some("thin"),
            Sample::Mark(_) | Sample::Area => None,
        };
        if let Some(line) = line {
            canvas.line(&format!("{line} {}", self.class), [x, y], [x + SAMPLE_WIDTH, y]);
        }
        if let Sample::Mark(mark) | Sample::LineWithMark(mark) = self.sample {
            let path = mark.path([x + SAMPLE_WIDTH / 2.0, y], 3.0);
            canvas.path(&format!("mark {}", self.class), &path, "");
        }
        if let Sample::Area = self.sample {
            canvas.rectangle(&self.class, [x, y - 5.0], [SAMPLE_WIDTH, 10.0], "");
        }
    }
}

impl Area {
    pub(crate) fn x(&self, value: f64) -> f64 {
        self.left + self.x.place(value) * self.width
    }

    pub(crate) fn y(&self, value: f64) -> f64 {
        self.top + (1.0 - self.y.place(value)) * self.height
    }

    /// The middle of a row of so many.
    pub(crate) fn row(&self, index: usize, rows: usize) -> f64 {
        self.top + self.height * (index as f64 + 0.5) / rows.max(1) as f64
    }

    /// The horizontal axis.
    pub(crate) fn x_axis(&self) -> &Axis {
        &self.x
    }
}
