//! Why numbers of a run may mislead. Every output shows the same warnings.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::sample::Outcome;
use crate::summary::Summary;
use crate::units::duration_text;

/// Above this schedule lag (p99), in microseconds, latencies say something about the load generator's machine as well.
const LAG_TO_TRUST_US: f64 = 1000.0;
/// Below this share of requests sent within the window, the load was not the one that was asked for.
const SENT_TO_TRUST: f64 = 0.999;

/// A reason why numbers should not be taken at face value. `Display` words it for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[schemars(deny_unknown_fields)]
pub enum Warning {
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
    /// Values above an hour were recorded as an hour.
    Saturated {
        /// How many.
        values: u64,
    },
    /// An endpoint was called asynchronously, so `ok` means accepted and not completed.
    Asynchronous {
        /// Its name.
        endpoint: String,
    },
}

impl Warning {
    /// All warnings about a summary.
    pub(crate) fn about(summary: &Summary) -> Vec<Self> {
        let dropped: u64 =
            summary.endpoints.iter().map(|endpoint| endpoint.outcomes.get(Outcome::Dropped)).sum();
        let lag_us = summary.schedule_lag_us.p99.filter(|lag_us| *lag_us > LAG_TO_TRUST_US);
        let sent = summary.sent_rps * summary.window_s / summary.issued as f64;
        let mut warnings = Vec::new();
        warnings.extend(summary.interrupted_after_s.map(|after_s| Self::Interrupted { after_s }));
        warnings.extend(lag_us.map(|p99_us| Self::ScheduleLag { p99_us }));
        if dropped > 0 {
            warnings.push(Self::Dropped { requests: dropped });
        }
        if summary.issued > 0 && sent < SENT_TO_TRUST {
            warnings.push(Self::SentLate { sent_percent: sent * 100.0 });
        }
        if summary.saturated > 0 {
            warnings.push(Self::Saturated { values: summary.saturated });
        }
        let asynchronous = summary.endpoints.iter().filter(|endpoint| endpoint.asynchronous);
        warnings.extend(asynchronous.map(|endpoint| Self::Asynchronous { endpoint: endpoint.name.clone() }));
        warnings
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupted { after_s } => write!(f, "the run was ended early, after {after_s:.1} s"),
            Self::ScheduleLag { p99_us } => write!(
                f,
                "the load generator itself was late (schedule lag p99 {}): response latencies include it",
                duration_text(*p99_us)
            ),
            Self::Dropped { requests } => write!(
                f,
                "{requests} requests were not sent, because --max-in-flight calls were in flight: the load was lower \
                 than asked for"
            ),
            Self::SentLate { sent_percent } => {
                write!(f, "only {sent_percent:.2} % of the requests were sent in time")
            }
            Self::Saturated { values } => {
                write!(f, "{values} values above an hour were recorded as an hour")
            }
            Self::Asynchronous { endpoint } => {
                write!(f, "{endpoint} is called asynchronously: ok means accepted, not completed")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::{Lag, test_summary};

    #[test]
    fn a_good_run_has_none() {
        assert_eq!(Warning::about(&test_summary()), []);
    }

    #[test]
    fn each_is_found_and_worded() {
        let mut summary = Summary {
            sent_rps: 290.0,
            interrupted_after_s: Some(2.0),
            saturated: 1,
            schedule_lag_us: Lag { p50: Some(9.0), p99: Some(1234.0), p999: None, max: None },
            ..test_summary()
        };
        summary.endpoints[0].asynchronous = true;
        summary.endpoints[0].outcomes.0[Outcome::Dropped as usize] = 7;
        let warnings = Warning::about(&summary);
        let lines: Vec<_> = warnings.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(lines.join("\n"), @"
        the run was ended early, after 2.0 s
        the load generator itself was late (schedule lag p99 1.23 ms): response latencies include it
        7 requests were not sent, because --max-in-flight calls were in flight: the load was lower than asked for
        only 96.67 % of the requests were sent in time
        1 values above an hour were recorded as an hour
        f is called asynchronously: ok means accepted, not completed
        ");
        let json = serde_json::to_string(&warnings).unwrap();
        assert_eq!(serde_json::from_str::<Vec<Warning>>(&json).unwrap(), warnings);
    }
}
