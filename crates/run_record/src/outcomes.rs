//! Counts of invocations by outcome.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error as _};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use crate::sample::Outcome;

/// Invocations by outcome, in the order of [`Outcome::ALL`]. JSON lists all outcomes by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcomes(pub [u64; Outcome::ALL.len()]);

impl Outcomes {
    /// The number of all invocations.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Invocations with this outcome.
    pub fn get(&self, outcome: Outcome) -> u64 {
        self.0[outcome as usize]
    }

    /// The share of invocations with this outcome, in percent; `None` if there were no invocations.
    pub fn percent(&self, outcome: Outcome) -> Option<f64> {
        let all: u64 = self.0.iter().sum();
        (all > 0).then(|| self.get(outcome) as f64 / all as f64 * 100.0)
    }

    /// The outcomes but `ok` that occurred, with their counts.
    pub fn failures(&self) -> impl Iterator<Item = (Outcome, u64)> {
        let counts = Outcome::ALL.into_iter().zip(self.0);
        counts.filter(|(outcome, count)| *outcome != Outcome::Ok && *count > 0)
    }
}

impl Serialize for Outcomes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(Outcome::ALL.len()))?;
        for outcome in Outcome::ALL {
            map.serialize_entry(outcome.name(), &self.get(outcome))?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Outcomes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let counts = BTreeMap::<Outcome, u64>::deserialize(deserializer)?;
        match Outcome::ALL.into_iter().find(|outcome| !counts.contains_key(outcome)) {
            Some(missing) => Err(D::Error::missing_field(missing.name())),
            None => Ok(Self(Outcome::ALL.map(|outcome| counts[&outcome]))),
        }
    }
}

impl JsonSchema for Outcomes {
    fn schema_name() -> Cow<'static, str> {
        "Outcomes".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let count = generator.subschema_for::<u64>();
        let properties: BTreeMap<_, _> =
            Outcome::ALL.into_iter().map(|outcome| (outcome.name(), count.clone())).collect();
        json_schema!({
            "type": "object",
            "description": "Invocations by outcome; all outcomes are listed.",
            "properties": properties,
            "required": Outcome::ALL.map(Outcome::name),
            "additionalProperties": false
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_the_outcomes_but_ok_that_occurred() {
        let outcomes = Outcomes([5, 0, 2, 0, 0, 0, 0, 1, 0]);
        let failures: Vec<_> = outcomes.failures().collect();
        assert_eq!(failures, [(Outcome::Throttled, 2), (Outcome::Dropped, 1)]);
    }
}
