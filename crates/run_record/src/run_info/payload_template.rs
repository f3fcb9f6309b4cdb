//! What the requests to an endpoint were sent.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What filled the placeholders of a payload, for each request anew.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct PayloadTemplate {
    /// What the values were drawn from.
    pub seed: u64,
    /// The values by their names, as the endpoints file has them.
    pub values: Box<RawValue>,
}
