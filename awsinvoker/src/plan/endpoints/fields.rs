//! The fields of one entry of an endpoints file.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::error::ContentError;

const MAX_LINE_CHARS: usize = 100;

/// The keys that mean something.
pub(crate) const KNOWN_KEYS: [&str; 21] = [
    "endpoint_url",
    "eventing",
    "function",
    "hostname",
    "image",
    "label",
    "matchers",
    "memory_mb",
    "payload",
    "payload_file",
    "payload_values",
    "port",
    "profile",
    "program",
    "protocol",
    "qualifier",
    "region",
    "restart",
    "system",
    "tls",
    "weight",
];

/// The fields of an entry. Known keys are in lower case, and the last of several equal ones counts, as in Go's
/// `encoding/json`.
pub(super) struct Fields<'a>(BTreeMap<String, &'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = BTreeMap<String, &'de RawValue>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut pairs: M) -> Result<Self::Value, M::Error> {
                let mut fields = BTreeMap::new();
                while let Some((key, value)) = pairs.next_entry::<String, &RawValue>()? {
                    let known = KNOWN_KEYS.iter().find(|known| known.eq_ignore_ascii_case(&key));
                    fields.insert(known.map_or(key, |known| (*known).to_owned()), value);
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(Pairs).map(Self)
    }
}

impl<'a> Fields<'a> {
    /// The keys that mean nothing here.
    pub(super) fn unknown_keys(&self) -> impl Iterator<Item = &String> {
        self.0.keys().filter(|key| !KNOWN_KEYS.contains(&key.as_str()))
    }

    /// The value of a key as it is written; `None` if it is missing.
    pub(super) fn raw(&self, key: &str) -> Option<&'a str> {
        self.0.get(key).map(|raw| raw.get())
    }

    /// The value of a key, a short text on one line; `None` if it is missing or null.
    pub(super) fn line(&self, index: usize, key: &'static str) -> Result<Option<String>, ContentError> {
        let is_line = |text: &String| {
            (1..=MAX_LINE_CHARS).contains(&text.chars().count()) && !text.chars().any(char::is_control)
        };
        self.typed(index, key, "a string of 1 to 100 characters on one line", is_line)
    }

    /// The value of a key, read as `T`; `None` if it is missing or null. `index` is the position of the entry.
    pub(super) fn typed<T: serde::Deserialize<'a>>(
        &self,
        index: usize,
        key: &'static str,
        expected: &'static str,
        is_allowed: impl FnOnce(&T) -> bool,
    ) -> Result<Option<T>, ContentError> {
        let Some(raw) = self.raw(key) else { return Ok(None) };
        let read: Option<Option<T>> = serde_json::from_str(raw).ok();
        match read {
            Some(None) => Ok(None),
            Some(Some(value)) if is_allowed(&value) => Ok(Some(value)),
            _ => {
                let value = crate::text::shortened(raw, 80);
                Err(ContentError::Type { index, key, value, expected })
            }
        }
    }
}
