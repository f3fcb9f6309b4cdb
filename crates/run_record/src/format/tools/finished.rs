//! What a summary in the form of another tool is made from.

use std::time::SystemTime;

use crate::run_info::RunInfo;
use crate::summary::Summary;
use crate::totals::Totals;

/// A run that has ended.
#[derive(Clone, Copy, Debug)]
pub struct FinishedRun<'a> {
    /// The time from which all times of the run count.
    pub start: SystemTime,
    /// How it was made.
    pub info: &'a RunInfo,
    /// What it came to.
    pub summary: &'a Summary,
    /// What the summary was made from.
    pub totals: &'a Totals,
}
