//! What a reader of a comparison has to know besides its numbers.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::duration_text;
use crate::warning::Warning;

/// Something that limits what a comparison says. `Display` words it for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[schemars(deny_unknown_fields)]
pub enum Note {
    /// The sides do not do the same work, or it is not known whether they do.
    Unlike {
        /// What differs, or what is not known.
        warning: Warning,
    },
    /// Callers waited for answers, so a slow side was called less often (coordinated omission).
    ClosedLoop,
    /// The sides were not called equally often.
    UnequalShares {
        /// The baseline's share of all requests, in percent.
        baseline_percent: f64,
        /// The candidate's share, in percent.
        candidate_percent: f64,
    },
    /// The schedule comes from a file, which says what each request calls, so the sides may not have been called in turn.
    ScheduleOfFile,
    /// There are few pairs of windows.
    FewPairs {
        /// How many.
        pairs: u64,
    },
    /// Equivalence is seldom recognised with so few pairs of windows.
    FewForEquivalence {
        /// How many.
        pairs: u64,
    },
    /// Windows are so short that neighbouring ones depend on each other.
    ShortWindows {
        /// Their length in seconds.
        window_s: f64,
    },
    /// A side was answered by one environment, or as good as one, so all its times say something about this environment.
    OneEnvironment {
        /// The side.
        label: String,
    },
    /// A side was answered by so few environments that this makes intervals wide.
    FewEnvironments {
        /// The side.
        label: String,
        /// How many equally busy ones would tell as much.
        effective: f64,
    },
    /// No answer of a side told its environment, so how much environments differ is not known.
    UnknownEnvironments {
        /// The side.
        label: String,
    },
    /// In some windows, all requests of a side failed, so that these windows are not used.
    Outage {
        /// The side.
        label: String,
        /// How many windows.
        windows: u64,
        /// Of how many complete ones in which it was called.
        of: u64,
    },
    /// The endpoints were called in the same order in each round, and there were others than the two.
    FixedOrder,
    /// Environments were made fresh during the run, which made this side start cold in the middle of the load.
    RestartsWereCold {
        /// The side.
        label: String,
        /// Whether the other side had no cold start.
        alone: bool,
    },
    /// Each call was to be a cold start, and a side had none that it told of.
    NoColdStart {
        /// The side.
        label: String,
    },
    /// Requests failed. Only those that succeeded have latencies.
    Failures {
        /// The share of the baseline's requests that failed, in percent.
        baseline_percent: f64,
        /// The share of the candidate's, in percent.
        candidate_percent: f64,
    },
    /// The load generator's own delay is a good part of a side's response latency, which is short.
    LagShare {
        /// The side.
        label: String,
        /// The p50 of the schedule lag of its warm requests, in microseconds.
        lag_us: f64,
        /// The p50 of their response latency, in microseconds.
        response_us: f64,
    },
    /// An endpoint has no partner and is not compared.
    NoPartner {
        /// The name of the endpoint.
        endpoint: String,
    },
    /// A run of an experiment is not used.
    RunLeftOut {
        /// Its folder.
        folder: String,
        /// Why.
        why: String,
    },
    /// The experiment ends as soon as an interval is narrow enough (optional stopping).
    EndsByWidth,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlike { warning } => write!(f, "not alike: {warning}"),
            Self::ClosedLoop => f.write_str(
                "callers waited for answers (closed loop), so a slow side was called less often while it was slow",
            ),
            Self::UnequalShares { baseline_percent, candidate_percent } => write!(
                f,
                "not called in turn: the baseline got {baseline_percent:.1} % of the requests and the candidate \
                 {candidate_percent:.1} %"
            ),
            Self::ScheduleOfFile => {
                f.write_str("a file says what each request calls, so the sides may not have been called in turn")
            }
            Self::FewPairs { pairs } => write!(f, "{pairs} pairs of windows are few: all intervals are approximate"),
            Self::FewForEquivalence { pairs } => {
                write!(f, "equivalence is seldom recognised with {pairs} pairs of windows; 30 or more are needed")
            }
            Self::ShortWindows { window_s } => write!(
                f,
                "windows of {window_s} s are shorter than 30 s: neighbouring windows depend on each other, and intervals are \
                 too narrow"
            ),
            Self::OneEnvironment { label } => write!(
                f,
                "nearly all answers of {label} come from one environment: what is said holds for this environment, and others \
                 may differ"
            ),
            Self::FewEnvironments { label, effective } => write!(
                f,
                "{label} is as good as {effective:.1} environments, so intervals are wide; --restart-every gives each window \
                 its own"
            ),
            Self::UnknownEnvironments { label } => write!(
                f,
                "no answer of {label} told its environment, so intervals leave out how much environments differ"
            ),
            Self::Failures { baseline_percent, candidate_percent } => write!(
                f,
                "{baseline_percent:.2} % of the baseline's requests failed and {candidate_percent:.2} % of the candidate's: \
                 the latencies are those of the others"
            ),
            Self::Outage { label, windows, of } => write!(
                f,
                "{label} failed all its calls in {windows} of {of} windows, which are left out: the latencies are those of the \
                 other windows"
            ),
            Self::FixedOrder => f.write_str(
                "the endpoints were called in the same order in each round, so one that follows a slow one on the same machine \
                 is slower for that alone; use --order shuffled",
            ),
            Self::RestartsWereCold { label, alone } => write!(
                f,
                "restarts caused cold starts of {label}{}, which its latencies of all calls and its cost contain: the sentences \
                 are about warm calls",
                if *alone { " alone" } else { "" }
            ),
            Self::NoColdStart { label } => write!(
                f,
                "{label} had no cold start that it told of, so there is nothing to compare cold starts with: a platform \
                 that makes instances ready before it calls them, as behind gRPC, has none"
            ),
            Self::LagShare { label, lag_us, response_us } => write!(
                f,
                "the load generator's own delay (schedule lag) is {:.0} % of the warm response latency of {label} ({} of {} at p50), \
                 and so a part of the response ratios: the service latency is without it",
                lag_us / response_us * 100.0,
                duration_text(*lag_us),
                duration_text(*response_us)
            ),
            Self::NoPartner { endpoint } => write!(f, "{endpoint} has no partner and is not compared"),
            Self::RunLeftOut { folder, why } => write!(f, "{folder} is left out: {why}"),
            Self::EndsByWidth => f.write_str(
                "`until` ends the experiment as soon as an interval is narrow enough, so its intervals hold the truth a little \
                 less often than they say",
            ),
        }
    }
}
