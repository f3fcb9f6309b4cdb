//! One invocation as it was seen, before anything is computed from it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units;

/// One invocation: when it was due, when it was made, and what came back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// What the schedule asked for.
    pub arrival: Arrival,
    /// When it was sent and when it ended; absent if it was never sent.
    pub timing: Option<Timing>,
    /// What came back.
    pub reply: Reply,
}

/// An invocation that is due. Times are nanoseconds since the start of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// Its place in the schedule, from 0.
    pub sequence: u64,
    /// Index of the endpoint to call.
    pub endpoint: usize,
    /// When it is due.
    pub intended_ns: u64,
}

/// When an invocation was made. Times are nanoseconds since the start of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// When it was handed to the client.
    pub sent_ns: u64,
    /// When it ended: the answer was complete, or the failure was known.
    pub done_ns: u64,
}

/// What came back from an invocation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// How the invocation ended.
    pub outcome: Outcome,
    /// The request id that the platform gave, if it gave one.
    pub request_id: Option<String>,
    /// The latency that the function reported, in seconds as it wrote them: the file of the original invoker shows more
    /// digits than nanoseconds have.
    pub function_latency_s: Option<f64>,
    /// Whether the invocation was a cold start; absent if the platform did not say.
    pub cold: Option<bool>,
    /// How long the environment took to initialise.
    pub init_ns: Option<u64>,
    /// What went wrong, for the log.
    pub error: Option<String>,
}

/// How an invocation ended. Every invocation that was due has exactly one outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The function answered with its latency. An asynchronous call was accepted.
    Ok,
    /// The function failed, timed out or exited.
    FunctionError,
    /// The platform refused the call for now (HTTP 429).
    Throttled,
    /// No complete answer came within `--timeout`.
    Timeout,
    /// The connection could not be made, or it broke before the answer was complete.
    Transport,
    /// The platform answered with any other error.
    ServiceError,
    /// The answer holds no number `latency` from 0 s to 3600 s.
    BadAnswer,
    /// The call was not sent, because `--max-in-flight` calls were in flight when it was due.
    Dropped,
    /// The call was cut off when the run was interrupted.
    Abandoned,
}

impl Outcome {
    /// All outcomes, in the order in which they are published.
    pub const ALL: [Self; 9] = [
        Self::Ok,
        Self::FunctionError,
        Self::Throttled,
        Self::Timeout,
        Self::Transport,
        Self::ServiceError,
        Self::BadAnswer,
        Self::Dropped,
        Self::Abandoned,
    ];

    /// The name in files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::FunctionError => "function_error",
            Self::Throttled => "throttled",
            Self::Timeout => "timeout",
            Self::Transport => "transport",
            Self::ServiceError => "service_error",
            Self::BadAnswer => "bad_answer",
            Self::Dropped => "dropped",
            Self::Abandoned => "abandoned",
        }
    }

    /// The outcome of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }
}

impl Sample {
    /// From the intended time to the end: what a user sees who does not wait for others.
    pub fn response_ns(&self) -> Option<u64> {
        self.timing.map(|timing| timing.done_ns.saturating_sub(self.arrival.intended_ns))
    }

    /// From sending to the end: how long the platform took.
    pub fn service_ns(&self) -> Option<u64> {
        self.timing.map(|timing| timing.done_ns.saturating_sub(timing.sent_ns))
    }

    /// The function's own latency.
    pub fn function_ns(&self) -> Option<u64> {
        self.reply.function_latency_s.map(units::ns_from_s)
    }

    /// From the intended time to sending: how late the load generator was.
    pub fn lag_ns(&self) -> Option<u64> {
        self.timing.map(|timing| timing.sent_ns.saturating_sub(self.arrival.intended_ns))
    }
}

impl Reply {
    /// The reply to a call that nothing is known of but how it ended.
    pub fn without_answer(outcome: Outcome, error: impl Into<String>) -> Self {
        Self {
            outcome,
            request_id: None,
            function_latency_s: None,
            cold: None,
            init_ns: None,
            error: Some(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_views_of_a_sample() {
        let mut sample = Sample {
            arrival: Arrival { sequence: 0, endpoint: 0, intended_ns: 10 },
            timing: Some(Timing { sent_ns: 15, done_ns: 40 }),
            reply: Reply::without_answer(Outcome::Ok, ""),
        };
        sample.reply.function_latency_s = Some(1.5e-8);
        assert_eq!(sample.response_ns(), Some(30));
        assert_eq!(sample.service_ns(), Some(25));
        assert_eq!(sample.function_ns(), Some(15));
        assert_eq!(sample.lag_ns(), Some(5));
        sample.timing = None;
        assert_eq!((sample.response_ns(), sample.service_ns(), sample.lag_ns()), (None, None, None));
    }

    #[test]
    fn outcomes_have_the_same_names_everywhere() {
        for outcome in Outcome::ALL {
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.name());
            assert_eq!(Outcome::from_name(outcome.name()), Some(outcome));
        }
        assert_eq!(Outcome::from_name("fine"), None);
    }
}
