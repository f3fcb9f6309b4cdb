//! A rate of requests, exact enough that no schedule drifts.

use run_record::units;

/// Billionths in one.
const NANO: f64 = 1e9;

/// A rate in requests per second, held in billionths so that the schedule is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    nano_rps: u64,
}

impl Rate {
    /// No requests at all.
    pub const ZERO: Self = Self { nano_rps: 0 };
    /// The greatest rate of one load generator, in requests per second.
    pub const MAX_RPS: f64 = 100_000.0;
    /// The greatest rate of all shards together, in requests per second.
    const MAX_TOGETHER_RPS: f64 = 100_000_000.0;
    /// The smallest rate that is not zero, in requests per second.
    pub const MIN_RPS: f64 = 1e-6;

    /// A rate in requests per second, rounded to the ninth decimal; `None` if it is below [`Self::MIN_RPS`], or more
    /// than all shards together may send.
    pub fn from_rps(rps: f64) -> Option<Self> {
        let bounds = Self::MIN_RPS..=Self::MAX_TOGETHER_RPS;
        bounds.contains(&rps).then(|| Self { nano_rps: units::rounded(rps * NANO) })
    }

    /// The rate in requests per second.
    pub fn rps(self) -> f64 {
        self.nano_rps as f64 / NANO
    }

    /// The rate in billionths of a request per second.
    pub(super) fn nano_rps(self) -> u64 {
        self.nano_rps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_rates_out_of_bounds() {
        for rps in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-7, 100_000_001.0] {
            assert_eq!(Rate::from_rps(rps), None, "{rps}");
        }
    }
}
