//! Runs and their comparison as one HTML page that needs nothing else: no network, no script, no other file.

mod command;
mod compared;
mod latencies;
mod measured;
mod outcomes;
mod run;
mod surroundings;
mod table;
mod words;

use askama::Template;
use run_record::comparison::Comparison;

pub(crate) use self::compared::Compared;
use self::run::RunSection;
use crate::chart::Chart;
use crate::data::Run;
use crate::palette::{self, Scheme};

/// A page shows no more runs.
pub const MAX_RUNS: usize = 20;

/// The style of the page but for the colours of its charts.
const STYLE: &str = include_str!("../../templates/page.css");

/// A page, ready to be written.
#[derive(Debug)]
pub struct Page {
    title: String,
    /// How many runs there will be.
    expected: usize,
    compared: Option<Compared>,
    /// Why the systems are not compared, although there are several.
    not_compared: Option<String>,
    runs: Vec<RunSection>,
}

/// What the template shows.
#[derive(Template)]
#[template(path = "page.html")]
struct Html<'a> {
    title: &'a str,
    style: String,
    compared: Option<&'a Compared>,
    not_compared: Option<&'a str>,
    /// Runs that are not shown.
    further: usize,
    runs: &'a [RunSection],
}

/// A page could not be made.
pub type PageError = askama::Error;

impl Page {
    /// An empty page of so many runs.
    pub fn new(title: &str, expected: usize) -> Self {
        Self { title: title.to_owned(), expected, compared: None, not_compared: None, runs: Vec::new() }
    }

    /// Adds a run. Nothing of it is kept but what the page says.
    pub fn add(&mut self, run: &Run) {
        self.runs.push(RunSection::new(self.runs.len(), self.expected > 1, run));
    }

    /// Adds the comparison of the systems in the runs.
    pub fn compare(&mut self, comparison: &Comparison) {
        self.compared = Some(Compared::new(comparison));
    }

    /// Says with which command the experiment is made again, beside its comparison.
    pub fn made_by(&mut self, command: &[String]) {
        if let Some(compared) = &mut self.compared {
            compared.command = Some(command::text(command));
        }
    }

    /// Says why the systems in the runs are not compared.
    pub fn not_compared(&mut self, why: &str) {
        self.not_compared = Some(why.to_owned());
    }

    /// The page as HTML.
    ///
    /// # Errors
    /// None that a user could cause: the template writes to memory.
    pub fn html(&self) -> Result<String, PageError> {
        let (light, dark) = (palette::rules(Scheme::Light), palette::rules(Scheme::Dark));
        let style = format!(
            "{STYLE}{}{light}@media screen and (prefers-color-scheme:dark){{{dark}}}",
            palette::SHAPES
        );
        let html = Html {
            title: &self.title,
            style,
            compared: self.compared.as_ref(),
            not_compared: self.not_compared.as_deref(),
            further: self.expected.saturating_sub(self.runs.len()),
            runs: &self.runs,
        };
        html.render()
    }

    /// All charts of the page, each with a name that no other has.
    pub fn charts(&self) -> impl Iterator<Item = &Chart> {
        let of_comparison = self.compared.iter().flat_map(|compared| compared.charts());
        of_comparison.chain(self.runs.iter().flat_map(RunSection::charts))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::test_data;

    fn page(runs: usize, with_comparison: bool) -> Page {
        let mut page = Page::new("Load test", runs);
        (0..runs).for_each(|_| page.add(&test_data::run()));
        if with_comparison {
            page.compare(&test_data::comparison());
            page.made_by(&["awsinvoker", "experiment", "plan.toml"].map(str::to_owned));
        }
        page
    }

    /// What stands between tags, in order.
    fn texts(html: &str) -> String {
        let (mut text, mut is_tag) = (String::new(), false);
        for character in html.split_once("<body>").expect("there is a body").1.chars() {
            match character {
                '<' => is_tag = true,
                '>' => is_tag = false,
                _ if !is_tag => text.push(character),
                _ => {}
            }
        }
        text
    }

    #[test]
    fn a_stranger_reads_the_verdict_first_and_then_everything_else() {
        let html = page(1, true).html().unwrap();
        let text = texts(&html);
        let mut rest = text.as_str();
        for part in [
            "The comparison",
            "✓ Valid",
            "answers 1.31 to 1.38 times as fast at p50",
            "The systems were called in turn in 1 run",
            "0.700 (0.679 to 0.728)",
            "To make the experiment again",
            "awsinvoker experiment plan.toml",
            "The run in runs/a",
            "✓ Valid",
            "Missing",
            "threshold kept: response.p99",
            "chameleon@lambda: 1\u{202f}995 of 2\u{202f}000 calls succeeded, half of them within 2.50 ms",
            "What was called",
            "sha256 0123456789ab",
            "512 MB",
            "Latencies",
            "Percentiles of the response latency",
            "Over time",
            "Where the time went",
            "How calls ended",
            "no answer within",
            "The machine and the build",
            "a processor",
            "How it was measured",
            "Open loop for 100.0 s",
            "To make this run again",
            "awsinvoker --local --env",
        ] {
            let at = rest.find(part).unwrap_or_else(|| panic!("{part:?} does not follow in\n{rest}"));
            rest = &rest[at..];
        }
    }

    #[test]
    fn nothing_of_a_run_becomes_markup_and_nothing_is_loaded() {
        let html = page(1, true).html().unwrap();
        for markup in
            ["<script", "<i>", "<b>", "<60 s>", "<grpc>", "<of>", "<link", "<img", "src=", "url(", "@import"]
        {
            assert!(!html.contains(markup), "{markup}");
        }
        let addresses = html.replace("http://www.w3.org/2000/svg", "").replace("http://127.0.0.1:9000", "");
        assert!(!addresses.contains("://"));
        assert!(html.contains("&lt;script&gt;") || html.contains("&#60;script&#62;"));
        assert!(html.contains("$LATEST"));
        assert!(html.len() < 400_000, "{} bytes", html.len());
    }

    #[test]
    fn separate_runs_are_not_compared_and_the_page_says_so() {
        let (one, two) = (page(1, false).html().unwrap(), page(2, false).html().unwrap());
        let sentence = "Separate runs give no interval of a difference";
        assert!(!one.contains(sentence) && two.contains(sentence));
        assert!(two.contains("<a href=\"#run2\">runs/a</a>") && two.contains("<section id=\"run2\">"));
    }

    #[test]
    fn each_chart_is_a_file_of_its_own_name_with_its_data() {
        let page = page(2, true);
        let names: Vec<&str> = page.charts().map(|chart| chart.name.as_str()).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
        assert_eq!(
            names[..9],
            [
                "ratios-1-views",
                "run1-percentiles-response",
                "run1-percentiles-service",
                "run1-percentiles-function",
                "run1-distribution",
                "run1-timeline-1",
                "run1-timeline-2",
                "run1-budget-warm",
                "run1-budget-cold"
            ]
        );
        for chart in page.charts() {
            let (file, columns) = (chart.file(), chart.csv.lines().next().unwrap().split(',').count());
            assert!(
                file.starts_with("<?xml ") && file.contains("width=\"84mm\"") && file.contains("<style>"),
                "{file}"
            );
            assert!(!file.contains("var(") && !file.contains(" id="), "{file}");
            assert!(columns > 2 && chart.csv.lines().count() > 1, "{}", chart.csv);
        }
        let data = &page.charts().next().unwrap().csv;
        assert_eq!(
            data,
            "what,ratio,low,high\nresponse p50,0.700000,0.679000,0.728000\nresponse p90,1.250000,1.212500,\n"
        );
    }
}
