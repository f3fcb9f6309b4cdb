//! Why numbers of a run may mislead. Every output shows the same warnings.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::sample::Outcome;
use crate::units::{counted, duration_text};

/// A reason why numbers should not be taken at face value. `Display` words it for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[schemars(deny_unknown_fields)]
pub enum Warning {
    /// Callers waited for their answers before they made their next calls, so slow answers made the load smaller.
    ClosedLoop,
    /// A signal ended the run early.
    Interrupted {
        /// Seconds from the start of the run to the signal.
        after_s: f64,
    },
    /// The load generator sent requests late, so response latencies include its own delay.
    ScheduleLag {
        /// The schedule lag that 99 % of the requests did not exceed, in microseconds.
        p99_us: f64,
    },
    /// What the platform and the function reported contradicts itself or the latencies.
    InconsistentBudgets {
        /// Invocations.
        requests: u64,
    },
    /// Values above an hour were recorded as an hour.
    Saturated {
        /// How many.
        values: u64,
    },
    /// The machine of the load generator was busier with other things than `--require-idle` allows.
    Disturbed {
        /// What other processes and other machines took of its processors, in percent.
        others_percent: f64,
        /// What they might take.
        limit_percent: f64,
    },
    /// Answers with outcome `ok` told no latency of the function, so they are not in its view `function`.
    NoLatency {
        /// The name of the endpoint.
        endpoint: String,
        /// How many.
        requests: u64,
    },
    /// Calls that were all to be cold met environments that were ready.
    NotCold {
        /// The name of the endpoint.
        endpoint: String,
        /// How many.
        requests: u64,
    },
    /// An environment used more memory than it had, which AWS Lambda does not let happen.
    MemoryExceeded {
        /// The name of the endpoint.
        endpoint: String,
        /// What it used, in MiB.
        used_mib: u64,
        /// What it had, in MiB.
        had_mib: u64,
    },
    /// An endpoint was called asynchronously, so `ok` means accepted and not completed.
    Asynchronous {
        /// Its name.
        endpoint: String,
    },
    /// Endpoints of one function that stand at different systems differ, which `--unlike` allows.
    Unlike {
        /// The function.
        function: String,
        /// What differs.
        property: Property,
        /// The one endpoint.
        first: Side,
        /// The other one.
        second: Side,
    },
    /// The call of an endpoint before the run failed, which `--unlike` allows.
    PreflightFailed {
        /// The name of the endpoint.
        endpoint: String,
        /// How the call ended.
        outcome: Outcome,
        /// Why.
        cause: String,
    },
    /// Clocks of the shards of a merged run are not known to follow a time server, so that it is not known how close together
    /// the shards started.
    ClocksNotKept {
        /// How many shards.
        shards: u64,
        /// How many there are.
        of: u64,
    },
    /// A function stands at several systems, but their answers were not compared before the run.
    NoPreflight {
        /// The function.
        function: String,
    },
}

/// Something in which endpoints that are compared may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Property {
    /// What they are sent.
    Payload,
    /// Whether their answers are waited for.
    Call,
    /// What they answer, without its latency.
    Answer,
    /// The memory that they are given.
    Memory,
    /// The CPU time that they are given.
    Cpu,
    /// The kind of processor that they run on.
    Architecture,
}

/// An endpoint, and its value of a property that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Side {
    /// The name of the endpoint.
    pub endpoint: String,
    /// The value, for people: a long one is cut to where it differs.
    pub value: String,
}

impl Warning {
    /// Whether it is found again wherever the samples are summed up.
    pub(crate) fn follows_from_samples(&self) -> bool {
        match self {
            Self::ClosedLoop
            | Self::Interrupted { .. }
            | Self::ScheduleLag { .. }
            | Self::InconsistentBudgets { .. }
            | Self::Saturated { .. }
            | Self::NoLatency { .. }
            | Self::NotCold { .. }
            | Self::MemoryExceeded { .. }
            | Self::Asynchronous { .. } => true,
            Self::Disturbed { .. }
            | Self::Unlike { .. }
            | Self::PreflightFailed { .. }
            | Self::ClocksNotKept { .. }
            | Self::NoPreflight { .. } => false,
        }
    }
}

impl Property {
    /// The property for people.
    fn text(self) -> &'static str {
        match self {
            Self::Payload => "payload",
            Self::Call => "way of calling",
            Self::Answer => "answer (SHA-256 without its latency)",
            Self::Memory => "memory",
            Self::Cpu => "CPU time",
            Self::Architecture => "architecture",
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClosedLoop => f.write_str(
                "the load was a closed loop: while answers are slow it makes fewer calls, so its latencies hide stalls",
            ),
            Self::Interrupted { after_s } => write!(f, "the run was ended early, after {after_s:.1} s"),
            Self::ScheduleLag { p99_us } => write!(
                f,
                "the load generator itself was late (schedule lag p99 {}): response latencies include it",
                duration_text(*p99_us)
            ),
            Self::InconsistentBudgets { requests } => write!(
                f,
                "what was reported of {} takes longer than the whole: no part of it is in the table of parts",
                counted(*requests, "request")
            ),
            Self::Saturated { values } => {
                write!(f, "values above an hour that were recorded as an hour: {values}")
            }
            Self::Disturbed { others_percent, limit_percent } => write!(
                f,
                "other processes took {others_percent:.1} % of this machine's processors; --require-idle allows {limit_percent} %"
            ),
            Self::NoLatency { endpoint, requests } => {
                let (answers, them) = (counted(*requests, "answer"), if *requests == 1 { "it" } else { "them" });
                write!(f, "{answers} of {endpoint} had no latency: the view function leaves {them} out")
            }
            Self::NotCold { endpoint, requests } => {
                let requests = counted(*requests, "request");
                write!(f, "{requests} of {endpoint} met an environment that was ready, though each was to be cold")
            }
            Self::MemoryExceeded { endpoint, used_mib, had_mib } => write!(
                f,
                "an environment of {endpoint} used {used_mib} MiB of {had_mib} MiB: AWS Lambda would have ended it"
            ),
            Self::Asynchronous { endpoint } => {
                write!(f, "{endpoint} is called asynchronously: ok means accepted, not completed")
            }
            Self::Unlike { function, property, first, second } => write!(
                f,
                "{function}: unlike {}: {} has {}, {} has {}",
                property.text(),
                first.endpoint,
                first.value,
                second.endpoint,
                second.value
            ),
            Self::PreflightFailed { endpoint, outcome, cause } => {
                write!(f, "the call of {endpoint} before the run failed: {}: {cause}", outcome.name())
            }
            Self::ClocksNotKept { shards, of } => write!(
                f,
                "{shards} of {of} shards had a clock that is not known to follow a time server: the shards may have started \
                 further apart than they tell"
            ),
            Self::NoPreflight { function } => write!(
                f,
                "the answers of {function} at its systems were not compared before the run: they may do unlike work"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_worded() {
        let warnings = [
            Warning::ClosedLoop,
            Warning::Interrupted { after_s: 2.0 },
            Warning::ScheduleLag { p99_us: 1234.0 },
            Warning::InconsistentBudgets { requests: 7 },
            Warning::Saturated { values: 1 },
            Warning::Disturbed { others_percent: 12.34, limit_percent: 10.0 },
            Warning::NoLatency { endpoint: "f".to_owned(), requests: 1 },
            Warning::NotCold { endpoint: "f".to_owned(), requests: 3 },
            Warning::MemoryExceeded { endpoint: "f".to_owned(), used_mib: 1060, had_mib: 512 },
            Warning::Asynchronous { endpoint: "f".to_owned() },
            Warning::Unlike {
                function: "f".to_owned(),
                property: Property::Memory,
                first: Side { endpoint: "f".to_owned(), value: "128 MB".to_owned() },
                second: Side { endpoint: "f@b".to_owned(), value: "512 MB".to_owned() },
            },
            Warning::PreflightFailed {
                endpoint: "f".to_owned(),
                outcome: Outcome::Throttled,
                cause: "HTTP 429: Rate Exceeded.".to_owned(),
            },
            Warning::NoPreflight { function: "f".to_owned() },
            Warning::ClocksNotKept { shards: 1, of: 4 },
        ];
        insta::assert_snapshot!(warnings.each_ref().map(ToString::to_string).join("\n"), @"
        the load was a closed loop: while answers are slow it makes fewer calls, so its latencies hide stalls
        the run was ended early, after 2.0 s
        the load generator itself was late (schedule lag p99 1.23 ms): response latencies include it
        what was reported of 7 requests takes longer than the whole: no part of it is in the table of parts
        values above an hour that were recorded as an hour: 1
        other processes took 12.3 % of this machine's processors; --require-idle allows 10 %
        1 answer of f had no latency: the view function leaves it out
        3 requests of f met an environment that was ready, though each was to be cold
        an environment of f used 1060 MiB of 512 MiB: AWS Lambda would have ended it
        f is called asynchronously: ok means accepted, not completed
        f: unlike memory: f has 128 MB, f@b has 512 MB
        the call of f before the run failed: throttled: HTTP 429: Rate Exceeded.
        the answers of f at its systems were not compared before the run: they may do unlike work
        1 of 4 shards had a clock that is not known to follow a time server: the shards may have started further apart than they tell
        ");
    }
}
