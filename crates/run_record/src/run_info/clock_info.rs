//! What is known of the clock that says when a run started. No latency depends on it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The time of day of the machine, and when the run was to start by it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ClockInfo {
    /// The time in UTC at which the run was to start; null if it started when all was ready.
    pub start_at: Option<String>,
    /// How much later than that it started, in nanoseconds; null if there was no such time.
    pub late_ns: Option<u64>,
    /// The service that keeps the clock.
    pub time_service: TimeService,
    /// The clock of a server that was called, against this one; null if it was not asked for, or if no server told its time.
    pub server: Option<ServerClock>,
}

/// What a service that keeps the clock says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct TimeService {
    /// The program that was asked; null if there was none that answered.
    pub asked: Option<String>,
    /// Whether the clock follows a time server; null if that is not known.
    pub synchronised: Option<bool>,
    /// How far the clock may be from the time of its server, in nanoseconds; null if that is not known.
    pub error_ns: Option<u64>,
}

/// The clock of a server against that of the load generator. The server tells whole seconds, and the request takes its time,
/// so the difference is known to lie between two bounds only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ServerClock {
    /// The address of the server.
    pub address: String,
    /// The server's clock is at least so much ahead, in nanoseconds; below zero if it may be behind.
    pub ahead_min_ns: i64,
    /// The server's clock is at most so much ahead, in nanoseconds.
    pub ahead_max_ns: i64,
}

impl ServerClock {
    /// The clock of a server that told this whole second of its time in answer to a request. All times are nanoseconds since
    /// 1970, and the last two are by the clock of the load generator.
    pub fn new(address: &str, second_ns: i64, sent_ns: i64, answered_ns: i64) -> Self {
        const SECOND_NS: i64 = 1_000_000_000;
        Self {
            address: address.to_owned(),
            ahead_min_ns: second_ns.saturating_sub(answered_ns),
            ahead_max_ns: second_ns.saturating_add(SECOND_NS).saturating_sub(sent_ns),
        }
    }

    /// How far the clocks of two load generators that asked the same server are apart at least, in nanoseconds.
    pub fn apart_ns(&self, other: &Self) -> u64 {
        let gap = self
            .ahead_min_ns
            .max(other.ahead_min_ns)
            .saturating_sub(self.ahead_max_ns.min(other.ahead_max_ns));
        u64::try_from(gap).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    #[test]
    fn a_server_tells_its_second_and_the_request_takes_its_time() {
        // Sent at 9.9 s, answered at 10.1 s, with the second 10: the server is between 0.1 s behind and 1.1 s ahead.
        let clock = ServerClock::new("a", 10_000 * MS, 9_900 * MS, 10_100 * MS);
        assert_eq!((clock.ahead_min_ns, clock.ahead_max_ns), (-100 * MS, 1_100 * MS));
    }

    #[test]
    fn clocks_are_apart_if_no_time_of_the_server_fits_both() {
        let ahead = |min: i64, max: i64| ServerClock {
            address: String::new(),
            ahead_min_ns: min * MS,
            ahead_max_ns: max * MS,
        };
        assert_eq!(ahead(-100, 1_000).apart_ns(&ahead(900, 2_000)), 0);
        assert_eq!(ahead(-100, 1_000).apart_ns(&ahead(3_500, 4_600)), 2_500_000_000);
        assert_eq!(ahead(3_500, 4_600).apart_ns(&ahead(-100, 1_000)), 2_500_000_000);
    }
}
