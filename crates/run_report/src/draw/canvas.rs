//! An SVG document that grows mark by mark.

use std::fmt::Write as _;

/// The width of every chart in its own units.
pub(crate) const WIDTH: f64 = 340.0;

/// Where a text stands to its point.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// The marks of a chart.
#[derive(Debug, Default)]
pub(crate) struct Canvas(String);

impl Canvas {
    pub(crate) fn line(&mut self, class: &str, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2]) {
        let _ =
            write!(self.0, r#"<line class="{class}" x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}"/>"#);
    }

    /// A line through these points. Those that one cannot tell apart from the one before are left out.
    pub(crate) fn polyline(&mut self, class: &str, points: &[[f64; 2]]) {
        let _ = write!(self.0, r#"<polyline class="{class}" points="{}"/>"#, coordinates(points));
    }

    /// A line, unless it has no points.
    pub(crate) fn polyline_if_any(&mut self, class: &str, points: &[[f64; 2]]) {
        if !points.is_empty() {
            self.polyline(class, points);
        }
    }

    /// An area between these points.
    pub(crate) fn polygon(&mut self, class: &str, points: &[[f64; 2]]) {
        let _ = write!(self.0, r#"<polygon class="{class}" points="{}"/>"#, coordinates(points));
    }

    /// A rectangle that tells `title` when the pointer is on it.
    pub(crate) fn rectangle(
        &mut self,
        class: &str,
        [x, y]: [f64; 2],
        [width, height]: [f64; 2],
        title: &str,
    ) {
        let start =
            format!(r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}""#);
        self.titled(&start, "rect", title);
    }

    /// A shape that tells `title` when the pointer is on it.
    pub(crate) fn path(&mut self, class: &str, data: &str, title: &str) {
        self.titled(&format!(r#"<path class="{class}" d="{data}""#), "path", title);
    }

    pub(crate) fn text(&mut self, class: &str, [x, y]: [f64; 2], anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => r#" text-anchor="middle""#,
            Anchor::End => r#" text-anchor="end""#,
        };
        let _ =
            write!(self.0, r#"<text class="{class}" x="{x:.1}" y="{y:.1}"{anchor}>{}</text>"#, escaped(text));
    }

    /// The document: `label` is for those who cannot see it.
    pub(crate) fn finish(self, height: f64, label: &str) -> String {
        let label = escaped(label);
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {WIDTH} {height:.0}" {}>{}</svg>"#,
            format_args!(r#"role="img" aria-label="{label}""#),
            self.0
        )
    }

    fn titled(&mut self, start: &str, name: &str, title: &str) {
        let _ = match title {
            "" => write!(self.0, "{start}/>"),
            _ => write!(self.0, "{start}><title>{}</title></{name}>", escaped(title)),
        };
    }
}

fn coordinates(points: &[[f64; 2]]) -> String {
    let mut written = String::new();
    let mut last = None;
    for [x, y] in points {
        let point = format!("{x:.1},{y:.1}");
        if last.as_ref() != Some(&point) {
            let _ = write!(written, "{}{point}", if written.is_empty() { "" } else { " " });
            last = Some(point);
        }
    }
    written
}

/// The text as it has to stand in XML and in HTML. Characters that XML does not allow are shown as `�`.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_stays_text() {
        let mut canvas = Canvas::default();
        canvas.text("t", [1.0, 2.0], Anchor::End, "<script>&\u{1}$LATEST");
        canvas.rectangle("r", [0.0, 0.0], [1.0, 1.0], "a \"b\" 'c'\nd");
        let svg = canvas.finish(10.0, "\"><b>");
        assert!(svg.contains(r#"text-anchor="end">&lt;script&gt;&amp;�$LATEST</text>"#), "{svg}");
        assert!(svg.contains("<title>a &quot;b&quot; &#39;c&#39; d</title>"), "{svg}");
        assert!(svg.contains(r#"aria-label="&quot;&gt;&lt;b&gt;">"#), "{svg}");
    }

    #[test]
    fn points_that_cannot_be_told_apart_are_one() {
        assert_eq!(coordinates(&[[0.0, 0.0], [0.01, 0.01], [1.0, 0.0], [1.0, 0.04]]), "0.0,0.0 1.0,0.0");
    }
}
