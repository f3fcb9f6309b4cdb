//! One invocation as it was seen, before anything is computed from it.

use std::fmt;

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
    /// Its place among the invocations of its endpoint in the schedule, from 0.
    pub number: u64,
    /// When it is due.
    pub intended_ns: u64,
}

/// When an invocation was made. Times are nanoseconds since the start of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// When it was handed to the client.
    pub issued_ns: u64,
    /// The connection that it went over; absent if none could be made, or if the client does not tell.
    pub connection: Option<Connection>,
    /// When the last byte of the request was handed to the system.
    pub written_ns: Option<u64>,
    /// When the first byte of the answer had come in.
    pub first_byte_ns: Option<u64>,
    /// When it ended: the answer was complete, or the failure was known.
    pub done_ns: u64,
}

/// The connection of one invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// When the request could be written to it, in nanoseconds since the start of the run.
    pub ready_ns: u64,
    /// How it was made; absent if it was there before and is used again.
    pub handshake: Option<Handshake>,
}

/// What making a connection took, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handshake {
    /// Looking up the address; 0 if it was an address already.
    pub dns_ns: u64,
    /// From the first packet to an open connection.
    pub tcp_ns: u64,
    /// From there to an encrypted one; 0 without encryption.
    pub tls_ns: u64,
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
    /// Whether the answer told of the initialisation of its environment; absent if the platform did not say. Whether the
    /// invocation waited for it is told by [`Sample::start`].
    pub cold: Option<bool>,
    /// What the platform measured.
    pub report: Report,
    /// Bytes of the answer's body; absent if there was none.
    pub answer_bytes: Option<u64>,
    /// Which environment answered, as the platform or the function names it.
    pub environment: Option<String>,
    /// What went wrong; absent if nothing did.
    pub cause: Option<Cause>,
}

/// What the platform measured of an invocation. What it did not tell is absent. On Lambda this is the REPORT line of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// How long the environment took to initialise, in nanoseconds. On Lambda, only its first invocation has one.
    pub init_ns: Option<u64>,
    /// How long the environment took to be restored from a snapshot, in nanoseconds. Only its first invocation has one.
    pub restore_ns: Option<u64>,
    /// From handing the event to the function's runtime to its answer, in nanoseconds.
    pub duration_ns: Option<u64>,
    /// What is paid for, in nanoseconds.
    pub billed_ns: Option<u64>,
    /// Memory that the function was given, in MiB.
    pub memory_mib: Option<u64>,
    /// The most memory that the environment has used so far, in MiB.
    pub max_memory_mib: Option<u64>,
    /// How long the environment had been ready when its handler began, in nanoseconds. AWS does not tell.
    pub age_ns: Option<u64>,
}

/// Why an invocation failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Cause {
    /// HTTP status of the answer; null if there was no answer.
    pub status: Option<u16>,
    /// The name of the error, as the platform or the function gives it.
    pub code: Option<String>,
    /// Which limit was met, of those that the platform tells apart under one name.
    pub reason: Option<String>,
    /// What was said, shortened.
    pub message: String,
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

/// How an invocation met its environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The environment had answered before.
    Warm,
    /// The invocation waited for the environment to be initialised, for all of that time or for a part of it.
    Cold,
    /// It was the first one of an environment that had been initialised before it came, so that it did not wait, and found
    /// nothing warm either. Or it is not known.
    Other,
}

impl Start {
    /// All starts.
    pub const ALL: [Self; 3] = [Self::Warm, Self::Cold, Self::Other];
}

impl Sample {
    /// How the invocation met its environment. Where the age of the environment is known, it tells whether the invocation
    /// waited for it. Otherwise, the first invocation of an environment did not if the initialisation and the invocation
    /// together take longer than the client waited: Lambda reports an initialisation with the first invocation, whenever
    /// it was.
    pub fn start(&self) -> Start {
        let (Some(is_first), Some(timing)) = (self.reply.cold, self.timing) else { return Start::Other };
        let Report { init_ns, restore_ns, duration_ns, age_ns, .. } = self.reply.report;
        let duration_ns = duration_ns.unwrap_or(0);
        let since_sent_ns = |end_ns: u64| end_ns.saturating_sub(timing.issued_ns);
        let waited = match age_ns {
            Some(age_ns) => {
                let answered_ns = timing.first_byte_ns.unwrap_or(timing.done_ns);
                age_ns.saturating_add(duration_ns) < since_sent_ns(answered_ns)
            }
            None => {
                let started_ns = init_ns.unwrap_or(0).saturating_add(restore_ns.unwrap_or(0));
                is_first && started_ns.saturating_add(duration_ns) <= since_sent_ns(timing.done_ns)
            }
        };
        match (waited, is_first) {
            (true, _) => Start::Cold,
            (false, true) => Start::Other,
            (false, false) => Start::Warm,
        }
    }

    /// From the intended time to the end: what a user sees who does not wait for others.
    pub fn response_ns(&self) -> Option<u64> {
        self.timing.map(|timing| timing.done_ns.saturating_sub(self.arrival.intended_ns))
    }

    /// From handing it to the client to the end: the connection, the network, the platform and the function.
    pub fn service_ns(&self) -> Option<u64> {
        self.timing.map(|timing| timing.done_ns.saturating_sub(timing.issued_ns))
    }

    /// The function's own latency.
    pub fn function_ns(&self) -> Option<u64> {
        self.reply.function_latency_s.map(units::ns_from_s)
    }

    /// From the intended time to handing it to the client: how late the load generator was.
    pub fn lag_ns(&self) -> Option<u64> {
        self.timing.map(|timing| timing.issued_ns.saturating_sub(self.arrival.intended_ns))
    }
}

impl Reply {
    /// The reply to a call of which nothing is known but how it ended and why.
    pub fn without_answer(outcome: Outcome, message: impl Into<String>) -> Self {
        let cause = Cause { message: message.into(), ..Cause::default() };
        Self { cause: Some(cause), ..Self::with_outcome(outcome) }
    }

    /// The reply to a call that nothing is known of but how it ended.
    pub fn with_outcome(outcome: Outcome) -> Self {
        Self {
            outcome,
            request_id: None,
            function_latency_s: None,
            cold: None,
            report: Report::default(),
            answer_bytes: None,
            environment: None,
            cause: None,
        }
    }
}

impl Timing {
    /// The times of a call whose client tells nothing of what happened in between.
    pub fn new(issued_ns: u64, done_ns: u64) -> Self {
        Self { issued_ns, connection: None, written_ns: None, first_byte_ns: None, done_ns }
    }
}

/// `HTTP 429, TooManyRequestsException (ReservedFunctionConcurrentInvocationLimitExceeded): Rate Exceeded.`, without what
/// is not known.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, code, reason, message } = self;
        let status = status.map(|status| format!("HTTP {status}"));
        let head: Vec<&str> = status.as_deref().into_iter().chain(code.as_deref()).collect();
        f.write_str(&head.join(", "))?;
        if let Some(reason) = reason {
            write!(f, " ({reason})")?;
        }
        let separator = if head.is_empty() && reason.is_none() { "" } else { ": " };
        write!(f, "{separator}{message}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_views_of_a_sample() {
        let mut sample = Sample {
            arrival: Arrival { sequence: 0, endpoint: 0, number: 0, intended_ns: 10 },
            timing: Some(Timing::new(15, 40)),
            reply: Reply::with_outcome(Outcome::Ok),
        };
        sample.reply.function_latency_s = Some(1.5e-8);
        assert_eq!(sample.response_ns(), Some(30));
        assert_eq!(sample.service_ns(), Some(25));
        assert_eq!(sample.function_ns(), Some(15));
        assert_eq!(sample.lag_ns(), Some(5));
        sample.timing = None;
        assert_eq!((sample.response_ns(), sample.service_ns(), sample.lag_ns()), (None, None, None));
    }

    /// Sent at 1 ms, the first byte of its answer came at 10 ms, and the last at 11 ms.
    #[test]
    fn a_cold_start_waited_for_its_environment() {
        let start = |cold, init_ms: u64, duration_ms: u64, age_ms: Option<u64>| {
            let ns = |ms: u64| ms * units::NS_PER_MS;
            let report = Report {
                init_ns: Some(ns(init_ms)),
                duration_ns: Some(ns(duration_ms)),
                age_ns: age_ms.map(ns),
                ..Report::default()
            };
            let timing = Timing { first_byte_ns: Some(ns(10)), ..Timing::new(ns(1), ns(11)) };
            Sample {
                arrival: Arrival { sequence: 0, endpoint: 0, number: 0, intended_ns: 0 },
                timing: Some(timing),
                reply: Reply { cold, report, ..Reply::with_outcome(Outcome::Ok) },
            }
            .start()
        };
        for (cold, init_ms, duration_ms, age_ms, expected) in [
            (Some(true), 8, 2, None, Start::Cold),
            (Some(true), 8, 3, None, Start::Other),
            // It became ready while the invocation was on its way, however long its initialisation took.
            (Some(true), 500, 3, Some(5), Start::Cold),
            (Some(true), 1, 3, Some(6), Start::Other),
            (Some(false), 0, 2, None, Start::Warm),
            (Some(false), 0, 2, Some(5000), Start::Warm),
            // Another invocation was the first one, and this one waited for the same initialisation.
            (Some(false), 0, 3, Some(5), Start::Cold),
            (None, 0, 3, Some(5), Start::Other),
            (None, 0, 2, None, Start::Other),
        ] {
            assert_eq!(
                start(cold, init_ms, duration_ms, age_ms),
                expected,
                "{init_ms} {duration_ms} {age_ms:?}"
            );
        }
    }

    #[test]
    fn a_cause_says_what_is_known_of_it() {
        let mut cause = Cause { message: "Rate Exceeded.".to_owned(), ..Cause::default() };
        assert_eq!(cause.to_string(), "Rate Exceeded.");
        cause.status = Some(429);
        assert_eq!(cause.to_string(), "HTTP 429: Rate Exceeded.");
        cause.code = Some("TooManyRequestsException".to_owned());
        cause.reason = Some("CallerRateLimitExceeded".to_owned());
        assert_eq!(
            cause.to_string(),
            "HTTP 429, TooManyRequestsException (CallerRateLimitExceeded): Rate Exceeded."
        );
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
