//! One statistic of both sides, with what can be said about how they differ.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::budget::Part;
use crate::histogram::View;
use crate::percentile_interval::NoInterval;

/// A statistic of both sides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Figure {
    /// Of which requests.
    pub scope: Scope,
    /// Of which time.
    pub measure: Measure,
    /// Which statistic.
    pub statistic: Statistic,
    /// The baseline's value; null if there is none.
    pub baseline: Option<Value>,
    /// The candidate's value; null if there is none.
    pub candidate: Option<Value>,
    /// The candidate's value by the baseline's, with its 95 % interval; null if there is
    /// none. It has no bounds if a claim is refused.
    pub ratio: Option<Interval>,
    /// The candidate's value less the baseline's, in microseconds, with its 95 % interval;
    /// null as the ratio is.
    pub difference_us: Option<Interval>,
    /// What may be claimed.
    pub claim: Claim,
    /// Whether the two differ by less than the margin: the 90 % interval of the ratio lies within it. They may be shown to
    /// differ all the same, but then by less than matters.
    pub equivalent: bool,
    /// Why the ratio, or a claim about it, is refused; null if nothing is.
    pub refusal: Option<Refusal>,
    /// Whether the interval holds only about: there are fewer than ten pairs of windows, or fewer than twenty effective
    /// values lie above the percentile.
    pub approximate: bool,
    /// Whether neighbouring windows resemble each other, so that the interval holds for the time of the run alone.
    pub drifting: bool,
    /// Whether the share of cold starts is near that of the values above the percentile, so that it sits in the gap between
    /// warm and cold requests and jumps from one to the other.
    pub in_cold_gap: bool,
}

/// A value of one side, in microseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Value {
    /// The value.
    pub us: f64,
    /// The lower end of its interval; null if it is not known.
    pub low_us: Option<f64>,
    /// The upper end of its interval; null if it is not known.
    pub high_us: Option<f64>,
    /// How many values there are.
    pub count: u64,
    /// How many independent values would tell as much; null of a mean.
    pub effective_count: Option<f64>,
}

/// An estimate with its 95 % interval. A bound that is not known is null.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Interval {
    /// The estimate.
    pub estimate: f64,
    /// The lower end.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
}

/// What may be claimed about two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    /// The candidate's value is smaller: the 95 % interval of the ratio lies below 1.
    CandidateFaster,
    /// The baseline's value is smaller: the 95 % interval of the ratio lies above 1.
    BaselineFaster,
    /// Which one is faster is not decided: the 95 % interval of the ratio holds 1.
    Undecided,
    /// Nothing may be claimed.
    Nothing,
}

/// Which requests a statistic is about. All of them succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All.
    All,
    /// Those by an environment that had answered before.
    Warm,
    /// Cold starts.
    Cold,
}

/// Which time a statistic is about: a view, or a part of the time of an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Measure {
    /// A latency as a whole.
    View(View),
    /// A part of the response latency.
    Part(Part),
}

/// Which statistic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// The value that half of all values do not exceed.
    P50,
    /// The value that 90 % of all values do not exceed.
    P90,
    /// The value that 95 % of all values do not exceed.
    P95,
    /// The value that 99 % of all values do not exceed.
    P99,
    /// The value that 99.9 % of all values do not exceed.
    P999,
    /// The mean.
    Mean,
}

/// Why no ratio, or no claim, is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[schemars(deny_unknown_fields)]
pub enum Refusal {
    /// There are too few pairs of windows.
    FewPairs {
        /// How many there are.
        pairs: u64,
    },
    /// One side has no value.
    NoValue,
    /// Too few independent values lie above the percentile.
    FewAbove {
        /// How many.
        effective: f64,
        /// How many times as long the run has to be at least.
        longer: f64,
    },
    /// One side has few environments that answered for longer than a window, and they may differ so much that a few of them
    /// decide which values lie above the percentile.
    FewEnvironments {
        /// How many equally busy environments would tell as much.
        effective: f64,
    },
    /// A value is 0, so there is no ratio.
    Zero,
    /// The sides were not loaded at the same time.
    SeparateRuns,
    /// So many requests of a side failed that those that would be above the percentile may be missing. Of a mean, they count as
    /// of the p99.
    Failures {
        /// The failures of the side with the most, in percent of them and of its values.
        percent: f64,
    },
    /// The sides are called by different protocols, in which this part of the time is not the same.
    UnlikeProtocols,
    /// The time is that of the function itself, and one side is a single environment, or as good as one. Environments of one
    /// program differ, so the ratio would be that of two environments, and not of two systems.
    OneEnvironment {
        /// How many equally busy environments of the side with the fewest would tell as much; null if no answer told its own.
        effective: Option<f64>,
    },
}

/// To one decimal, so that what is too little does not read as enough.
fn rounded_down(value: f64) -> f64 {
    (value * 10.0).floor() / 10.0
}

/// To one decimal, so that what is told to be enough is enough.
fn rounded_up(value: f64) -> f64 {
    (value * 10.0).ceil() / 10.0
}

impl Claim {
    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::CandidateFaster => "candidate_faster",
            Self::BaselineFaster => "baseline_faster",
            Self::Undecided => "undecided",
            Self::Nothing => "nothing",
        }
    }
}

impl Scope {
    /// The name in files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Warm => "warm",
            Self::Cold => "cold",
        }
    }
}

impl Measure {
    /// The response latency, which a comparison is about first of all.
    pub const RESPONSE: Self = Self::View(View::Response);

    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::View(view) => view.name(),
            Self::Part(part) => part.name(),
        }
    }

    /// Whether it is a latency as a whole.
    pub fn is_view(self) -> bool {
        matches!(self, Self::View(_))
    }

    /// Whether it is a part of the time whose meaning depends on how the platform is called.
    pub fn is_of_platform(self) -> bool {
        matches!(self, Self::Part(Part::NetworkAndPlatform | Part::Init | Part::Overhead))
    }

    /// Whether it is the time of the function's own code, in which environments of one program differ.
    pub fn is_of_function(self) -> bool {
        matches!(self, Self::View(View::Function) | Self::Part(Part::Handler))
    }
}

impl From<View> for Measure {
    fn from(view: View) -> Self {
        Self::View(view)
    }
}

impl From<Part> for Measure {
    fn from(part: Part) -> Self {
        Self::Part(part)
    }
}

impl Statistic {
    /// All statistics, in the order in which they are published.
    pub const ALL: [Self; 6] = [Self::P50, Self::P90, Self::P95, Self::P99, Self::P999, Self::Mean];

    /// The share of values that do not exceed it; absent of the mean.
    pub fn share(self) -> Option<f64> {
        match self {
            Self::P50 => Some(0.5),
            Self::P90 => Some(0.9),
            Self::P95 => Some(0.95),
            Self::P99 => Some(0.99),
            Self::P999 => Some(0.999),
            Self::Mean => None,
        }
    }

    /// The name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::P999 => "p99.9",
            Self::Mean => "mean",
        }
    }
}

impl From<NoInterval> for Refusal {
    fn from(reason: NoInterval) -> Self {
        match reason {
            NoInterval::FewBlocks { blocks } | NoInterval::Unpaired { one: blocks, .. } => {
                Self::FewPairs { pairs: blocks as u64 }
            }
            NoInterval::NoValue | NoInterval::Share { .. } => Self::NoValue,
            NoInterval::FewAbove { above, factor } => Self::FewAbove { effective: above, longer: factor },
            NoInterval::FewEnvironments { effective } => Self::FewEnvironments { effective },
            NoInterval::Zero => Self::Zero,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FewPairs { pairs } => write!(
                f,
                "there are {pairs} pairs of windows, expected at least {}; make the run longer",
                crate::percentile_interval::MIN_BLOCKS
            ),
            Self::NoValue => f.write_str("one side has no value"),
            Self::FewAbove { effective, longer } => write!(
                f,
                "{:.1} independent values lie above it, expected at least {}; make the run {:.1} times as long",
                rounded_down(*effective),
                crate::percentile_interval::MIN_ABOVE,
                rounded_up(*longer)
            ),
            Self::FewEnvironments { effective } => write!(
                f,
                "one side is as good as {:.1} environments, and they may differ so much that a few of them decide which values lie \
                 above it; use --restart-every, or a load that needs more environments",
                rounded_down(*effective)
            ),
            Self::Zero => f.write_str("a value is 0, so there is no ratio"),
            Self::SeparateRuns => f.write_str("the sides come from separate runs; load both in one run"),
            Self::Failures { percent } => write!(
                f,
                "{percent:.2} % of the calls of a side failed, so its slowest ones may be missing; look at a lower percentile, or \
                 let fewer calls fail"
            ),
            Self::UnlikeProtocols => {
                f.write_str("the sides are called by different protocols, in which this part is not the same")
            }
            Self::OneEnvironment { effective: Some(effective) } => write!(
                f,
                "one side is as good as {:.1} environments, expected at least 2; use --restart-every, or a load that needs more \
                 environments",
                rounded_down(*effective)
            ),
            Self::OneEnvironment { effective: None } => f.write_str(
                "no answer told which environment it came from, so there may have been a single one",
            ),
        }
    }
}
