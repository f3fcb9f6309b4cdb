//! Whether a run measured what it set out to measure.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::order_statistics::lower_rank;
use crate::units::duration_text;

/// Up to this schedule lag (p99), in microseconds, the load generator is in time.
pub(crate) const LAG_TO_TRUST_US: f64 = 1000.0;
/// From this share on that the schedule lag (p99) has of the response latency (p99), the published latency is to a good
/// part that of the load generator.
const LAG_SHARE: f64 = 0.1;
/// Below this share of requests sent within the window, the load was not the one that was asked for.
const SENT_TO_TRUST: f64 = 0.999;
/// So many requests may be sent late whatever their share is: in a short run, a single one is more than a thousandth.
const SENT_LATE: u64 = 1;
/// The wall clock may move so far against the monotonic one, in seconds: what a time service corrects at once.
const JUMP_S: f64 = 0.1;
/// And by this share of the run besides, which is twice what a time service corrects step by step.
const DRIFT: f64 = 0.001;

/// Whether the numbers of a run may be published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Verdict {
    /// Whether there is no reason against it.
    pub valid: bool,
    /// Why the run is not valid.
    pub reasons: Vec<Reason>,
}

/// A reason why a run did not measure what it set out to measure. `Display` words it for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[schemars(deny_unknown_fields)]
pub enum Reason {
    /// The load generator was so late that response latencies are to a good part its own.
    ScheduleLag {
        /// The schedule lag that 99 % of the requests did not exceed, in microseconds.
        p99_us: f64,
        /// The most that is tolerated: 1 ms, or a tenth of the smallest response latency p99 of an endpoint.
        tolerated_us: f64,
    },
    /// Not a single request succeeded.
    NothingSucceeded,
    /// Not all of the run is known: its end, or some of its samples, are missing.
    Incomplete {
        /// Requests that were made and of which nothing is known; null if their number is not known either.
        requests: Option<u64>,
    },
    /// Requests were not sent, because `--max-in-flight` calls were in flight.
    Dropped {
        /// How many.
        requests: u64,
    },
    /// Too few requests were sent within the window.
    SentLate {
        /// The share that was sent within the window, in percent.
        sent_percent: f64,
    },
    /// The wall clock was set, or the machine slept, during the run.
    ClockJumped {
        /// How far the wall clock moved against the monotonic one, in seconds.
        by_s: f64,
    },
}

/// What a verdict depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// Schedule lag; absent if nothing was sent.
    pub(crate) lag_p99_us: Option<f64>,
    /// The lag of rank [`lag_rank`]; absent if fewer than two requests were sent.
    pub(crate) lag_p99_low_us: Option<f64>,
    /// The smallest p99 of the response latency of an endpoint; absent if nothing succeeded.
    pub(crate) response_p99_us: Option<f64>,
    pub(crate) issued: u64,
    pub(crate) succeeded: u64,
    pub(crate) dropped: u64,
    pub(crate) sent_in_window: u64,
    /// How far the wall clock moved against the monotonic one, and how long the run was.
    pub(crate) wall_jump_s: f64,
    pub(crate) run_s: f64,
}

impl Verdict {
    pub(crate) fn new(facts: &Facts) -> Self {
        let reasons: Vec<_> =
            [nothing_succeeded(facts), lag(facts), dropped(facts), sent_late(facts), clock_jumped(facts)]
                .into_iter()
                .flatten()
                .collect();
        Self { valid: reasons.is_empty(), reasons }
    }

    /// Adds a reason that does not follow from the samples.
    pub fn add(&mut self, reason: Reason) {
        self.valid = false;
        self.reasons.push(reason);
    }
}

fn nothing_succeeded(facts: &Facts) -> Option<Reason> {
    (facts.succeeded == 0).then_some(Reason::NothingSucceeded)
}

/// The rank, from 1, of the lag that is compared with what is tolerated. The p99 exceeds it in all but 2.5 % of all runs,
/// and it is not the greatest one: a single late request of a short run does not count.
pub(crate) fn lag_rank(count: u64) -> Option<u64> {
    let rank = lower_rank(count, 0.99)?.min(count.saturating_sub(1));
    (rank > 0).then_some(rank)
}

fn lag(facts: &Facts) -> Option<Reason> {
    let (p99_us, response_us) = facts.lag_p99_us.zip(facts.response_p99_us)?;
    let tolerated_us = LAG_TO_TRUST_US.max(response_us * LAG_SHARE);
    let is_late = facts.lag_p99_low_us.is_some_and(|low_us| low_us > tolerated_us);
    is_late.then_some(Reason::ScheduleLag { p99_us, tolerated_us })
}

fn dropped(facts: &Facts) -> Option<Reason> {
    (facts.dropped > 0).then_some(Reason::Dropped { requests: facts.dropped })
}

fn sent_late(facts: &Facts) -> Option<Reason> {
    let late = facts.issued.saturating_sub(facts.sent_in_window);
    let sent = facts.sent_in_window as f64 / facts.issued as f64;
    (late > SENT_LATE && sent < SENT_TO_TRUST).then_some(Reason::SentLate { sent_percent: sent * 100.0 })
}

fn clock_jumped(facts: &Facts) -> Option<Reason> {
    let tolerated_s = JUMP_S + DRIFT * facts.run_s;
    (facts.wall_jump_s.abs() > tolerated_s).then_some(Reason::ClockJumped { by_s: facts.wall_jump_s })
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ScheduleLag { p99_us, tolerated_us } => write!(
                f,
                "the load generator itself was late (schedule lag p99 {}, more than {})",
                duration_text(*p99_us),
                duration_text(*tolerated_us)
            ),
            Self::NothingSucceeded => f.write_str("not a single request succeeded"),
            Self::Incomplete { requests: Some(requests) } => {
                write!(f, "{requests} requests are missing: rates and latencies are those of the others")
            }
            Self::Incomplete { requests: None } => {
                f.write_str("the end of the run is missing: rates and latencies are those of what is known")
            }
            Self::Dropped { requests } => {
                write!(f, "{requests} requests were not sent, because --max-in-flight calls were in flight")
            }
            Self::SentLate { sent_percent } => {
                write!(f, "only {sent_percent:.2} % of the requests were sent in time")
            }
            Self::ClockJumped { by_s } => {
                write!(f, "the clock was set or the machine slept ({by_s:+.3} s)")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Facts = Facts {
        lag_p99_us: Some(1_200.0),
        lag_p99_low_us: Some(900.0),
        response_p99_us: Some(1_000.0),
        issued: 10_000,
        succeeded: 10_000,
        dropped: 0,
        sent_in_window: 9_990,
        wall_jump_s: -0.109,
        run_s: 10.0,
    };

    #[test]
    fn a_run_is_valid_within_the_bounds() {
        let good = [
            GOOD,
            Facts { lag_p99_low_us: Some(29_000.0), response_p99_us: Some(300_000.0), ..GOOD },
            Facts { lag_p99_low_us: Some(5_000.0), response_p99_us: None, ..GOOD },
            Facts { issued: 5, sent_in_window: 4, ..GOOD },
        ];
        for facts in good {
            assert_eq!(Verdict::new(&facts), Verdict { valid: true, reasons: Vec::new() }, "{facts:?}");
        }
    }

    #[test]
    fn a_single_late_request_does_not_count() {
        for (count, expected) in
            [(0, None), (1, None), (2, Some(1)), (3, Some(2)), (10, Some(9)), (50, Some(48))]
        {
            assert_eq!(lag_rank(count), expected, "{count} requests");
        }
    }

    #[test]
    fn each_reason_is_found_and_worded() {
        let bad = [
            Facts { lag_p99_low_us: Some(1_100.0), ..GOOD },
            Facts {
                lag_p99_us: Some(32_000.0),
                lag_p99_low_us: Some(31_000.0),
                response_p99_us: Some(300_000.0),
                ..GOOD
            },
            Facts { succeeded: 0, ..GOOD },
            Facts { dropped: 7, ..GOOD },
            Facts { sent_in_window: 9_989, ..GOOD },
            Facts { wall_jump_s: -0.111, ..GOOD },
        ];
        let reasons: Vec<_> = bad
            .iter()
            .map(|facts| {
                let verdict = Verdict::new(facts);
                assert_eq!((verdict.valid, verdict.reasons.len()), (false, 1), "{facts:?}");
                verdict.reasons[0].to_string()
            })
            .collect();
        insta::assert_snapshot!(reasons.join("\n"), @"
        the load generator itself was late (schedule lag p99 1.20 ms, more than 1.00 ms)
        the load generator itself was late (schedule lag p99 32.0 ms, more than 30.0 ms)
        not a single request succeeded
        7 requests were not sent, because --max-in-flight calls were in flight
        only 99.89 % of the requests were sent in time
        the clock was set or the machine slept (-0.111 s)
        ");
    }
}
