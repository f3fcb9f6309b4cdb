//! A chart: as a part of a page, as a file for a paper, and as the data that it shows.

use crate::palette::{self, Scheme};

/// The width of a column of a paper.
const COLUMN: &str = "84mm";

/// A chart with its data.
#[derive(Clone, Debug)]
pub struct Chart {
    /// The name of its files, without the suffix.
    pub name: String,
    /// What it shows.
    pub caption: String,
    /// What it shows, as CSV.
    pub csv: String,
    svg: String,
}

impl Chart {
    pub(crate) fn new(name: &str, caption: String, svg: String, csv: String) -> Self {
        Self { name: name.to_owned(), caption, csv, svg }
    }

    /// The chart as one of those of several runs: its name tells which.
    pub(crate) fn of_run(mut self, index: usize) -> Self {
        self.name = format!("run{}-{}", index + 1, self.name);
        self
    }

    /// The chart for a page, whose style sheet has the colours.
    pub(crate) fn inline(&self) -> &str {
        &self.svg
    }

    /// The chart as a file of its own, as wide as a column of 84 mm.
    pub fn file(&self) -> String {
        let style = format!(
            "<style>.chart{{background:#fff}}{}{}</style>",
            palette::SHAPES,
            palette::rules(Scheme::Light)
        );
        let sized = self.svg.replacen("class=\"chart\"", &format!("class=\"chart\" width=\"{COLUMN}\""), 1);
        let end_of_tag = sized.find('>').map_or(0, |at| at + 1);
        let (start, rest) = sized.split_at(end_of_tag);
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{start}{style}{rest}\n")
    }
}
