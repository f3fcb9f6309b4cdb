//! One invocation as it was seen, before anything is computed from it.

use serde::Serialize;

/// How an invocation ended. Every issued invocation has exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The function answered with its latency; for an asynchronous call: it was accepted.
    Ok,
    /// The function failed, timed out or exited: the service answered 200 with a function error.
    FunctionError,
    /// The service refused the call for now (HTTP 429).
    Throttled,
    /// No complete answer within the time allowed by `--timeout`.
    Timeout,
    /// The connection could not be made, or broke before the answer was complete.
    Transport,
    /// The service answered with any other error.
    ServiceError,
    /// The function's answer holds no usable `latency`.
    BadAnswer,
    /// Not sent, because `--max-in-flight` calls were in flight when it was due.
    Dropped,
    /// Cut off when the run was interrupted.
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

    /// The name under which files and tables know the outcome.
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
}

/// One issued invocation. Times are nanoseconds since the start of the run.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The place in the schedule, from 0.
    pub sequence: u64,
    /// Index of the endpoint.
    pub endpoint: usize,
    /// The request id that the service gave, if it answered.
    pub request_id: Option<String>,
    /// When the schedule wanted it sent.
    pub intended_ns: u64,
    /// When it was handed to the client; absent if it was dropped.
    pub sent_ns: Option<u64>,
    /// When it ended; absent if it was dropped.
    pub done_ns: Option<u64>,
    /// How it ended.
    pub outcome: Outcome,
    /// The latency that the function reported, in seconds.
    pub function_latency_s: Option<f64>,
    /// Whether the function had to be started for it; absent if the answer does not say.
    pub cold: Option<bool>,
    /// How long that start took.
    pub init_ns: Option<u64>,
    /// What went wrong, for the log.
    pub error: Option<String>,
}

impl Sample {
    /// Intended to done: what a user who does not wait for others sees.
    pub fn response_ns(&self) -> Option<u64> {
        self.done_ns.map(|done| done.saturating_sub(self.intended_ns))
    }

    /// Sent to done: how long the service took.
    pub fn service_ns(&self) -> Option<u64> {
        Some(self.done_ns?.saturating_sub(self.sent_ns?))
    }

    /// The function's own latency in nanoseconds.
    pub fn function_ns(&self) -> Option<u64> {
        self.function_latency_s.map(seconds_to_ns)
    }

    /// Intended to sent: how late the invoker itself was.
    pub fn lag_ns(&self) -> Option<u64> {
        self.sent_ns.map(|sent| sent.saturating_sub(self.intended_ns))
    }
}

/// Rounds a length in seconds to nanoseconds; negative and NaN give 0.
pub fn seconds_to_ns(seconds: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "float casts saturate")]
    let ns = (seconds * 1e9).round() as u64;
    ns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_of_a_sample() {
        let sample = Sample {
            sequence: 0,
            endpoint: 0,
            request_id: None,
            intended_ns: 10,
            sent_ns: Some(15),
            done_ns: Some(40),
            outcome: Outcome::Ok,
            function_latency_s: Some(1.5e-8),
            cold: None,
            init_ns: None,
            error: None,
        };
        assert_eq!(sample.response_ns(), Some(30));
        assert_eq!(sample.service_ns(), Some(25));
        assert_eq!(sample.function_ns(), Some(15));
        assert_eq!(sample.lag_ns(), Some(5));
    }

    #[test]
    fn outcome_names_are_those_of_serde() {
        for outcome in Outcome::ALL {
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.name());
        }
    }
}
