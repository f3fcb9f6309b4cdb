//! What an endpoint answered before the run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::sample::{Cause, Outcome};

/// The one call of an endpoint before the run, which is not counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct PreflightCall {
    /// How it ended.
    pub outcome: Outcome,
    /// SHA-256, in hexadecimal, of what the function answered, in canonical JSON without its `latency`; null if the call
    /// failed, and if an answer cannot be compared.
    pub answer_sha256: Option<String>,
    /// Bytes of the answer's body; null if there was none.
    pub answer_bytes: Option<u64>,
    /// Memory that the platform reported for the function, in MB.
    pub memory_mb: Option<u64>,
    /// Whether the answer told of the initialisation of its environment; null if the platform did not say.
    pub cold: Option<bool>,
    /// Why it failed; null if it did not.
    pub cause: Option<Cause>,
}

#[cfg(test)]
impl PreflightCall {
    /// A call that succeeded, of which nothing else is known.
    pub(crate) fn ok() -> Self {
        let outcome = Outcome::Ok;
        Self { outcome, answer_sha256: None, answer_bytes: None, memory_mb: None, cold: None, cause: None }
    }
}
