//! The colours of charts, which tell series apart also for people who see few colours, and in print, together with
//! dashes and marks.

use std::fmt::Write as _;

/// More series in one chart cannot be told apart.
pub(crate) const MAX_SERIES: usize = 8;

/// What charts are seen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Light,
    Dark,
}

/// The colours of one scheme.
struct Colours {
    paper: &'static str,
    ink: &'static str,
    soft_ink: &'static str,
    grid: &'static str,
    failure: &'static str,
    series: [&'static str; MAX_SERIES],
    parts: [&'static str; 6],
}

/// Those of Okabe and Ito, the light ones of which are darker here, so that thin lines are seen on white.
const LIGHT: Colours = Colours {
    paper: "#ffffff",
    ink: "#1b1b1b",
    soft_ink: "#4a4a4a",
    grid: "#dcdcdc",
    failure: "#b00020",
    series: ["#0072b2", "#c44e00", "#00795a", "#a4488a", "#8a6500", "#3b3b3b", "#2f80c0", "#7a3b10"],
    parts: ["#6e6e6e", "#e69f00", "#9ccbe8", "#cc79a7", "#d9d27a", "#0072b2"],
};

const DARK: Colours = Colours {
    paper: "#14171a",
    ink: "#ececec",
    soft_ink: "#b9bec4",
    grid: "#343a40",
    failure: "#ff8a93",
    series: ["#56b4e9", "#ff9052", "#2fc596", "#e596c7", "#f0c04a", "#d0d0d0", "#8fb8ff", "#d9a27a"],
    parts: ["#9a9a9a", "#e69f00", "#a9d5ef", "#cc79a7", "#e3dc8c", "#2f8fd0"],
};

/// The dashes of lines, which repeat with the marks later than these do.
const DASHES: [&str; MAX_SERIES] = ["none", "7 3", "2 2", "9 3 2 3", "4 2", "12 4", "1 3", "6 2 1 2 1 2"];

/// The rules for the classes of charts.
pub(crate) fn rules(scheme: Scheme) -> String {
    let Colours { paper, ink, soft_ink, grid, failure, series, parts } = match scheme {
        Scheme::Light => LIGHT,
        Scheme::Dark => DARK,
    };
    let mut rules = format!(
        ".chart text{{fill:{ink}}}.chart .label{{fill:{soft_ink}}}.chart .grid{{stroke:{grid}}}\
         .chart .axis,.chart .one{{stroke:{soft_ink}}}.chart .window{{fill:{grid};fill-opacity:.45}}\
         .chart .failure{{stroke:{failure};fill:none}}.chart .cold{{stroke:{ink};fill:{paper}}}"
    );
    for (index, (colour, dash)) in series.into_iter().zip(DASHES).enumerate() {
        let _ = write!(
            rules,
            ".chart .line.s{index}{{stroke:{colour};stroke-dasharray:{dash}}}\
             .chart .thin.s{index},.chart .whisker.s{index}{{stroke:{colour}}}\
             .chart .mark.s{index}{{fill:{colour};stroke:{paper}}}.chart .band.s{index}{{fill:{colour}}}"
        );
    }
    for (index, colour) in parts.into_iter().enumerate() {
        let _ = write!(rules, ".chart .part{index}{{fill:{colour};stroke:{paper}}}");
    }
    rules
}

/// The rules that are the same on every ground.
pub(crate) const SHAPES: &str = "\
    .chart text{font:11px Helvetica,Arial,\"DejaVu Sans\",sans-serif}\
    .chart .grid{stroke-width:.6}.chart .axis{stroke-width:1}.chart .one{stroke-width:1;stroke-dasharray:3 2}\
    .chart .line{fill:none;stroke-width:1.6}.chart .thin{fill:none;stroke-width:.9;stroke-dasharray:1 2}\
    .chart .whisker{stroke-width:1.6}.chart .mark{stroke-width:.7}.chart .band{fill-opacity:.2}\
    .chart .failure{stroke-width:1.4}.chart .cold{stroke-width:1.2}.chart [class^=part]{stroke-width:.8}\
    .chart .hover{fill:none;pointer-events:all}";
