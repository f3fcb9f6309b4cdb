//! Whether and by how much systems differ: what `comparison.json` holds.
//!
//! The names of the statistics are those of the field: a ratio is the candidate's value by the baseline's, so below 1 the
//! candidate is faster. All intervals hold with a confidence of 95 %, each for itself.

mod figure;
mod note;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::figure::{Claim, Figure, Interval, Measure, Refusal, Scope, Statistic, Value};
pub use self::note::Note;
use crate::units;
use crate::warning::Warning;

/// The version of the layout of `comparison.json`. It changes when a key changes its meaning or goes.
pub const SCHEMA: u32 = 1;

/// The length of a window that nobody chose, in nanoseconds. In shorter ones, what happens in one reaches into the next.
pub const DEFAULT_WINDOW_NS: u64 = 30 * units::NS_PER_S;

/// The margin that nobody chose: systems whose values differ by less count as equivalent.
pub const DEFAULT_MARGIN: f64 = 0.05;

/// A comparison of systems.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "Comparison of systems by awsinvoker", deny_unknown_fields)]
pub struct Comparison {
    /// Version of this layout.
    pub schema: u32,
    /// Whether no run that it comes from is invalid, and what is compared was loaded at the same time.
    pub valid: bool,
    /// Why it is not valid.
    pub reasons: Vec<String>,
    /// How the systems were loaded.
    pub design: Design,
    /// The runs that it comes from.
    pub runs: Vec<Source>,
    /// The length of a window of time, in seconds; null if each run is one window.
    pub window_s: Option<f64>,
    /// How many complete windows there are.
    pub windows: u64,
    /// How much of the runs lies in no complete window and is left out, in seconds.
    pub left_out_s: f64,
    /// By which share two values may differ and still be called equivalent, such as 0.05.
    pub margin: f64,
    /// What else is to be known about all of it.
    pub notes: Vec<Note>,
    /// What was compared: for each function, the baseline with each candidate.
    pub contrasts: Vec<Contrast>,
    /// How many intervals of ratios there are.
    pub intervals: u64,
    /// How many of them miss the truth if each holds with its 95 %: 5 % of their number.
    pub expected_false: f64,
}

/// How the compared systems were loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Design {
    /// Within one run or several, in turn: both sides of a window meet the same conditions.
    RoundRobin,
    /// One after the other in pairs of windows, in random order within a pair.
    Interleaved,
    /// In separate runs. No interval of a ratio is told, because separate runs call identical systems different.
    SeparateRuns,
}

/// A run that a comparison comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Source {
    /// Its folder, as it was named.
    pub folder: String,
    /// The time in UTC at which it began.
    pub start: String,
    /// The machine of its load generator, for people; of a merged run, those of all shards.
    pub machine: String,
    /// The version of awsinvoker that made it.
    pub version: String,
    /// Its requests, as far as they are known.
    pub requests: u64,
    /// Whether its numbers may be published.
    pub valid: bool,
    /// What is missing of it, in sentences.
    pub missing: Vec<String>,
    /// Why its numbers may mislead, but for what the notes of the comparison say.
    pub warnings: Vec<Warning>,
}

/// One function, or one endpoint, at two systems.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Contrast {
    /// The function.
    pub function: String,
    /// What the candidate is compared with.
    pub baseline: Arm,
    /// What is compared with the baseline.
    pub candidate: Arm,
    /// Windows that are used: those in which both sides have a success.
    pub windows: u64,
    /// Windows that are not used.
    pub windows_left_out: u64,
    /// Of which requests the sentences are: of warm ones if environments were made fresh during the run, of cold ones if each
    /// call was to be a cold start, and of all else.
    pub headline: Scope,
    /// The result in plain sentences: of the p50 and the p99 of each view.
    pub sentences: Vec<String>,
    /// What else is to be known about these two.
    pub notes: Vec<Note>,
    /// What cold starts do to the percentiles of the response latency.
    pub cold_effect: Vec<ColdEffect>,
    /// Every statistic of every view and part.
    pub figures: Vec<Figure>,
}

/// One side of a contrast.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Arm {
    /// What sentences call it: its system, or its endpoint where endpoints of one system are compared.
    pub label: String,
    /// Its system.
    pub system: String,
    /// The name of its endpoint.
    pub endpoint: String,
    /// What the endpoint called, for people: where it was, what it was given, and which version it was, in the first of its
    /// runs.
    pub called: String,
    /// Its requests within all complete windows, also those that are not used.
    pub requests: u64,
    /// Those of them that succeeded. Only these have latencies.
    pub succeeded: u64,
    /// Cold starts among those that succeeded; null if the platform did not tell of any whether it was one.
    pub cold: Option<u64>,
    /// The share of cold starts in percent; null if it is not known.
    pub cold_percent: Option<f64>,
    /// The environments that answered; null if no answer told its own.
    pub environments: Option<Environments>,
}

/// How many environments answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Environments {
    /// How many different ones.
    pub distinct: u64,
    /// How many equally busy ones would tell as much: fewer, if some answered much more often than others.
    pub effective: f64,
    /// The fewest in a window.
    pub per_window_min: u64,
    /// The most in a window.
    pub per_window_max: u64,
}

/// A percentile of the response latency with and without cold starts, in microseconds; null if it is not known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ColdEffect {
    /// The percentile.
    pub statistic: Statistic,
    /// The baseline's, of all requests that succeeded; null if it had no cold start, or too few values.
    pub baseline_with_us: Option<f64>,
    /// The baseline's, of warm requests alone; null if it had no cold start, or too few values.
    pub baseline_without_us: Option<f64>,
    /// The candidate's, of all requests that succeeded; null if it had no cold start, or too few values.
    pub candidate_with_us: Option<f64>,
    /// The candidate's, of warm requests alone; null if it had no cold start, or too few values.
    pub candidate_without_us: Option<f64>,
}

impl Arm {
    /// Whether it is known of some of its requests that they were cold starts.
    pub fn has_cold_starts(&self) -> bool {
        self.cold.is_some_and(|cold| cold > 0)
    }
}

impl Design {
    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::RoundRobin => "round_robin",
            Self::Interleaved => "interleaved",
            Self::SeparateRuns => "separate_runs",
        }
    }
}
