//! What a page shows of a run.

use run_record::observations::Observations;
use run_record::{RunInfo, Summary};

use crate::palette::MAX_SERIES;

/// The endpoints of a run that its charts show: more of them could not be told apart.
pub const MAX_HISTORIES: usize = MAX_SERIES;

/// A run, with what its charts need beside its summary.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its folder, as the user wrote it.
    pub folder: String,
    /// How it was made.
    pub info: RunInfo,
    /// What it came to.
    pub summary: Summary,
    /// What of it is missing, in sentences.
    pub missing: Vec<String>,
    /// How it went, for each of the first [`MAX_HISTORIES`] endpoints.
    pub histories: Vec<History>,
    /// The length of the spans of its histories, in seconds.
    pub span_s: f64,
    /// The length of the blocks of its histories, in seconds.
    pub block_s: f64,
    /// The length of the windows that a comparison is made of, in seconds.
    pub window_s: f64,
}

/// How the calls of one endpoint went over time.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// One after the other from the start of the run, by the times at which calls were due.
    pub spans: Vec<Span>,
    /// The latencies of successful calls in blocks of equal length, in the order of
    /// [`View::ALL`](run_record::View::ALL).
    pub views: Vec<Observations>,
}

/// A short time of a run. Latencies are those of the view `response`, of successful calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Successful calls.
    pub succeeded: u64,
    /// The latency that half of them did not exceed, in nanoseconds.
    pub p50_ns: Option<u64>,
    /// The latency that 99 % of them did not exceed, in nanoseconds.
    pub p99_ns: Option<u64>,
    /// The greatest latency, in nanoseconds.
    pub max_ns: Option<u64>,
    /// Cold starts among the successful calls.
    pub cold: u64,
    /// The greatest latency of a cold start, in nanoseconds.
    pub cold_max_ns: Option<u64>,
    /// Calls that failed.
    pub failed: u64,
}
