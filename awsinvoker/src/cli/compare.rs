//! The command line of `awsinvoker compare`.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use super::numbers::margin;

/// Tells whether and by how much systems differ that one run loaded in turn: the ratio of each percentile with its 95 %
/// interval, and a sentence on each view. What cannot be claimed is refused, with what to do. Separate runs are set side
/// by side without intervals, because separate runs call identical systems different.
///
/// Exit codes: 0 if the comparison is valid, 4 if it is not, 2 if the command line is wrong, 1 if a run cannot be read.
#[derive(Clone, Debug, Parser)]
#[command(name = "awsinvoker compare", bin_name = "awsinvoker compare", version)]
pub struct CompareArgs {
    /// Folder of a run that loaded all systems, or of an experiment; or the folders of separate runs
    #[arg(value_name = "DIR", required = true)]
    pub folders: Vec<PathBuf>,
    /// System with which the others are compared, or an endpoint, to compare endpoints of one function [default: the
    /// first system]
    #[arg(long, value_name = "NAME")]
    pub baseline: Option<String>,
    /// System, or endpoint, that is compared with the baseline [default: all others]
    #[arg(long, value_name = "NAME")]
    pub candidate: Option<String>,
    /// Two values that differ by less are equivalent [default: 5%, or that of the experiment]
    #[arg(long, value_name = "PERCENT", value_parser = margin)]
    pub margin: Option<f64>,
    /// Length of a window, in ms, s, m or h. Windows below 30s depend on each other, so that intervals are too narrow
    /// [default: 30s]
    #[arg(long, value_name = "TIME")]
    pub window: Option<String>,
    /// Compare the runs of an experiment although they do unlike work, which every output says then
    #[arg(long)]
    pub unlike: bool,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = CompareFormatArg::Text)]
    pub format: CompareFormatArg,
    /// Show every view, part and percentile. JSON and CSV always do
    #[arg(long)]
    pub all: bool,
    /// Write the result to this file, which is replaced, and not to standard output
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// The form of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CompareFormatArg {
    /// For a terminal of 80 columns
    Text,
    /// comparison.json, which has a schema
    Json,
    /// For a page or a repository
    Markdown,
    /// A row for each figure
    Csv,
}
