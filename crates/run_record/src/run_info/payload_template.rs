//! What the requests to an endpoint were sent.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::EndpointInfo;
use crate::canonical_json::canonical;

/// What filled the placeholders of a payload, for each request anew.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct PayloadTemplate {
    /// What the values were drawn from.
    pub seed: u64,
    /// The values by their names, as the endpoints file has them.
    pub values: Box<RawValue>,
}

impl EndpointInfo {
    /// The payload, and with a template its values and their seed, in a form in which equal ones are equal texts. Endpoints
    /// with the same text were sent the same: the request of each number had the same payload.
    pub fn sent(&self) -> String {
        match &self.payload_template {
            None => self.sent_from_any_seed(),
            Some(template) => format!("{} from seed {}", self.sent_from_any_seed(), template.seed),
        }
    }

    /// The same without the seed.
    pub fn sent_from_any_seed(&self) -> String {
        // What was read as JSON is JSON.
        let text = |json: &RawValue| canonical(json.get()).unwrap_or_else(|_| json.get().to_owned());
        let payload = text(&self.payload);
        match &self.payload_template {
            None => payload,
            Some(template) => format!("{payload} with {}", text(&template.values)),
        }
    }
}
