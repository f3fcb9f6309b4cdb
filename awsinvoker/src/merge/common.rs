//! What the runs of all shards have in common. Nothing here reads a file.

use std::path::Path;

use run_record::RunInfo;
use serde_json::{Value, json};

use super::disagreement::Disagreement;
use crate::text::shortened;

/// A longer value is cut in messages.
const MAX_VALUE_CHARS: usize = 120;

/// What the runs of all shards have in common.
#[derive(Debug)]
pub(super) struct Common {
    folder: String,
    value: Value,
}

impl Common {
    /// What the run in this folder should have in common with the others.
    pub(super) fn new(folder: &Path, info: &RunInfo) -> Self {
        let mut value = json!({
            "configuration": info.configuration,
            "start_at": info.clock.start_at,
            "versions": info.versions,
            "build": info.build,
            "prices": info.prices,
        });
        forget_own(&mut value["configuration"]);
        for (index, endpoint) in info.configuration.endpoints.iter().enumerate() {
            // As it is written: numbers may have more digits than a value keeps.
            let of_endpoint = &mut value["configuration"]["endpoints"][index];
            of_endpoint["payload"] = Value::from(endpoint.payload.get());
            if let Some(template) = &endpoint.payload_template {
                of_endpoint["payload_template"]["values"] = Value::from(template.values.get());
            }
        }
        Self { folder: folder.display().to_string(), value }
    }

    /// Checks that another run has the same.
    pub(super) fn check(&self, other: &Self) -> Result<(), Disagreement> {
        let Some((key, one, other_value)) = difference(&self.value, &other.value, "") else { return Ok(()) };
        let text = |value: &Value| shortened(&value.to_string(), MAX_VALUE_CHARS);
        Err(Disagreement::Unlike {
            key,
            one: text(one),
            other: text(other_value),
            first: self.folder.clone(),
            second: other.folder.clone(),
        })
    }
}

/// Removes what is each run's own: its part, where it found its files, and what came of its calls before the run.
fn forget_own(configuration: &mut Value) {
    let own = [
        "/shard/index",
        "/rps",
        "/expected_requests",
        "/endpoints_file/path",
        "/schedule/path",
        "/warm_up/requests",
        "/warm_up/failed",
        "/warm_up/time_s",
        "/prewarm/failed",
        "/prewarm/environments",
    ];
    for pointer in own {
        configuration.pointer_mut(pointer).map(Value::take);
    }
    for endpoint in configuration["endpoints"].as_array_mut().into_iter().flatten() {
        endpoint["preflight"].take();
    }
}

/// Where two values differ first, and what is there.
fn difference<'a>(one: &'a Value, other: &'a Value, key: &str) -> Option<(String, &'a Value, &'a Value)> {
    let below = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    match (one, other) {
        (Value::Object(of_one), Value::Object(of_other)) => {
            let names = of_one.keys().chain(of_other.keys().filter(|name| !of_one.contains_key(*name)));
            names.map(|name| difference(&one[name], &other[name], &below(name))).find_map(|found| found)
        }
        (Value::Array(of_one), Value::Array(of_other)) if of_one.len() == of_other.len() => {
            let pairs = of_one.iter().zip(of_other).enumerate();
            pairs
                .map(|(index, (one, other))| difference(one, other, &below(&index.to_string())))
                .find_map(|found| found)
        }
        _ => (one != other).then(|| (key.to_owned(), one, other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named_by_its_place() {
        let one = json!({ "a": [1, { "b": null }], "c": 1 });
        let found = |other: Value| difference(&one, &other, "").map(|(key, ..)| key);
        assert_eq!(found(one.clone()), None);
        assert_eq!(found(json!({ "a": [1, { "b": 2 }], "c": 2 })).as_deref(), Some("a.1.b"));
        assert_eq!(found(json!({ "a": [1, { "b": null }] })).as_deref(), Some("c"));
        assert_eq!(found(json!({ "a": [1], "c": 1 })).as_deref(), Some("a"));
        assert_eq!(found(json!({ "a": [1, { "b": null }], "c": 1, "d": 1 })).as_deref(), Some("d"));
    }

    #[test]
    fn what_is_each_shards_own_is_not_compared() {
        let configuration = |index: u32, failed: u64, seed: u64| {
            let mut value = json!({
                "shard": { "index": index, "total": 2 }, "seed": seed, "rps": f64::from(index), "prewarm": null,
                "warm_up": { "time_s": 1.0, "requests": index, "failed": failed },
                "endpoints": [{ "name": "f", "preflight": { "cold": index == 0 } }],
            });
            forget_own(&mut value);
            value
        };
        assert_eq!(configuration(0, 0, 7), configuration(1, 3, 7));
        assert_ne!(configuration(0, 0, 7), configuration(0, 0, 8));
    }
}
