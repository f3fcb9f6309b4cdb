//! How much CPU time the environments of a function got.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What nothing limits. No platform gives a process a share of the CPUs.
const PROCESS: &str = "process";

/// A limit of CPU time. On lambda-local, as on Lambda, it does not hold while an environment initialises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CpuLimit {
    /// The CPU time within a period, in microseconds, on all CPUs together.
    pub quota_us: u64,
    /// The length of a period, in microseconds.
    pub period_us: u64,
}

/// Whether nothing limits the CPU time of an environment of this kind.
pub(super) fn is_none(limit: Option<CpuLimit>, kind: Option<&str>) -> bool {
    limit.is_none() && kind == Some(PROCESS)
}

/// The CPU time of an environment of this kind for people; `None` if the platform did not tell it.
pub(super) fn text(limit: Option<CpuLimit>, kind: Option<&str>) -> Option<String> {
    match limit {
        Some(CpuLimit { quota_us, period_us }) => Some(format!("{quota_us} µs of each {period_us} µs")),
        None => is_none(limit, kind).then(|| "no limit".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_told_is_not_taken_for_unlimited() {
        let limit = CpuLimit { quota_us: 5788, period_us: 20_000 };
        assert_eq!(text(Some(limit), Some("docker")).as_deref(), Some("5788 µs of each 20000 µs"));
        assert_eq!(text(None, Some("process")).as_deref(), Some("no limit"));
        // AWS gives CPU time in proportion to the memory, and does not say how much.
        assert_eq!(text(None, Some("Image")), None);
        assert_eq!(text(None, None), None);
    }
}
