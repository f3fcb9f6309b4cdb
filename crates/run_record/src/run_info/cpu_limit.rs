//! How much CPU time the environments of a function got.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::FunctionInfo;

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

impl FunctionInfo {
    /// The CPU time of an environment for people; `None` if the platform did not tell it.
    pub fn cpu_text(&self) -> Option<String> {
        match self.cpu_limit {
            Some(CpuLimit { quota_us, period_us }) => Some(format!("{quota_us} µs of each {period_us} µs")),
            None => (self.kind.as_deref() == Some(PROCESS)).then(|| "no limit".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_told_is_not_taken_for_unlimited() {
        let text = |kind: &str, limit: Option<[u64; 2]>| {
            let cpu_limit = limit.map(|[quota_us, period_us]| CpuLimit { quota_us, period_us });
            FunctionInfo { kind: Some(kind.to_owned()), cpu_limit, ..FunctionInfo::default() }.cpu_text()
        };
        assert_eq!(text("docker", Some([5788, 20_000])).as_deref(), Some("5788 µs of each 20000 µs"));
        assert_eq!(text("process", None).as_deref(), Some("no limit"));
        // AWS gives CPU time in proportion to the memory, and does not say how much.
        assert_eq!(text("Image", None), None);
    }
}
