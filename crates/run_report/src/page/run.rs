//! The sections about one run.

use run_record::View;

use super::table::Table;
use super::{command, latencies, measured, outcomes, surroundings};
use crate::chart::Chart;
use crate::charts;
use crate::data::Run;

/// Everything that the page says about a run.
#[derive(Debug)]
pub(crate) struct RunSection {
    /// What the ids of its headings begin with.
    pub(crate) id: String,
    pub(crate) folder: String,
    pub(crate) start: String,
    pub(crate) is_valid: bool,
    /// Why it is not valid.
    pub(crate) reasons: Vec<String>,
    pub(crate) missing: Vec<String>,
    pub(crate) warnings: Vec<String>,
    pub(crate) thresholds: Vec<String>,
    pub(crate) sentences: Vec<String>,
    pub(crate) endpoints: Table,
    pub(crate) latency_charts: Vec<Chart>,
    pub(crate) percentiles: Table,
    pub(crate) timelines: Vec<Chart>,
    pub(crate) budgets: Vec<Chart>,
    pub(crate) parts: Table,
    pub(crate) outcomes: Table,
    pub(crate) causes: Table,
    pub(crate) costs: Table,
    pub(crate) machine: Table,
    pub(crate) measured: Vec<String>,
    pub(crate) command: String,
}

impl RunSection {
    /// The run with this index. Of several runs, the names of charts tell which they are of.
    pub(crate) fn new(index: usize, several: bool, run: &Run) -> Self {
        let Run { folder, info, summary, missing, .. } = run;
        let named = |chart: Chart| if several { chart.of_run(index) } else { chart };
        let percentiles = View::ALL.into_iter().filter_map(|view| charts::percentiles(run, view));
        Self {
            id: format!("run{}", index + 1),
            folder: folder.clone(),
            start: info.start.clone(),
            is_valid: summary.verdict.valid,
            reasons: summary.verdict.reasons.iter().map(ToString::to_string).collect(),
            missing: missing.clone(),
            warnings: summary.warnings.iter().map(ToString::to_string).collect(),
            thresholds: summary.thresholds.iter().map(ToString::to_string).collect(),
            sentences: latencies::sentences(summary),
            endpoints: surroundings::endpoints(info),
            latency_charts: percentiles.chain(charts::distribution(run)).map(named).collect(),
            percentiles: latencies::percentiles(summary),
            timelines: charts::timelines(run).into_iter().map(named).collect(),
            budgets: charts::budgets(run).into_iter().map(named).collect(),
            parts: latencies::parts(summary),
            outcomes: outcomes::outcomes(summary),
            causes: outcomes::causes(summary),
            costs: outcomes::costs(summary),
            machine: surroundings::machine(info),
            measured: measured::sentences(info, summary),
            command: command::text(&info.command_line),
        }
    }

    pub(crate) fn charts(&self) -> impl Iterator<Item = &Chart> {
        self.latency_charts.iter().chain(&self.timelines).chain(&self.budgets)
    }
}
