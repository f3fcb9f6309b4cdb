//! What happened beside the calls of a run, and may speak against its numbers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What happened beside the calls of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Circumstances {
    /// What the load generator itself took of the processors until the end of the window; null if the system does not tell.
    pub generator: Option<GeneratorLoad>,
    /// How the lambda-local that was started for the run ended before the run did; null if it did not, or if there was none.
    pub local_ended: Option<String>,
    /// Which function behind gRPC lost an instance that was started for the run, and how the instance ended: the first one;
    /// null if none was lost.
    pub instance_ended: Option<String>,
    /// For how long, in seconds, calls were signed with credentials that had expired.
    pub credentials_expired_s: f64,
}

/// What the process of the load generator took of the processors. What it started is not part of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct GeneratorLoad {
    /// For how long it was watched, in seconds.
    pub seconds: f64,
    /// Processors that the process may use.
    pub cores: u64,
    /// The share of these processors that all of its threads took together, in percent.
    pub process_percent: f64,
    /// The thread that took most, of those that calls depend on; null if the system does not tell.
    pub busiest_thread: Option<ThreadLoad>,
}

/// What one thread took of a processor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ThreadLoad {
    /// Its name, of which the system keeps 15 bytes.
    pub name: String,
    /// The share of one processor, in percent.
    pub percent: f64,
}
