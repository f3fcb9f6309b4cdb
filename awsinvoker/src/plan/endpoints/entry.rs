//! One entry of an endpoints file.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::error::ContentError;

/// The payload of an entry that has none: the only one that the original invoker ever sent.
pub const DEFAULT_PAYLOAD: &str = r#"{"num_of_rows":1,"num_of_cols":3}"#;

/// The greatest payload of a call that is waited for, in bytes, on Lambda.
pub const MAX_PAYLOAD_BYTES: usize = 6 << 20;

/// The greatest payload of an asynchronous call, in bytes, on Lambda.
pub const MAX_ASYNCHRONOUS_PAYLOAD_BYTES: usize = 1 << 20;

const MAX_WEIGHT: u64 = 1000;
const MAX_LABEL_CHARS: usize = 100;

const KNOWN_KEYS: [&str; 8] =
    ["eventing", "hostname", "label", "matchers", "payload", "payload_file", "qualifier", "weight"];

/// One thing to call with one payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The unique name under which results are published: the label, or the host name, numbered if it is called in
    /// several ways.
    pub name: String,
    /// Whom to call, with the qualifier.
    pub hostname: String,
    /// The JSON document to send.
    pub payload: String,
    /// Whether the call is asynchronous: it ends when it is accepted, and its completion is not seen.
    pub asynchronous: bool,
}

impl Endpoint {
    /// A function that is called with this JSON document and waited for.
    pub fn new(hostname: &str, payload: &str) -> Self {
        Self {
            name: hostname.to_owned(),
            hostname: hostname.to_owned(),
            payload: payload.to_owned(),
            asynchronous: false,
        }
    }
}

/// Reads the file that `payload_file` names.
pub(super) type ReadPayload<'a> = &'a mut dyn FnMut(&Path) -> io::Result<String>;

/// The fields of an entry. Known keys are in lower case, and the last of several equal ones counts, as in Go's
/// `encoding/json`.
pub(super) struct Fields<'a>(BTreeMap<String, &'a RawValue>);

/// What an entry says.
pub(super) struct Entry {
    /// Its name is the label; without one, it is the function's and may be numbered.
    pub(super) endpoint: Endpoint,
    pub(super) has_label: bool,
    pub(super) has_default_payload: bool,
    pub(super) weight: u64,
}

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

    /// Reads the entry at this position.
    pub(super) fn read(&self, index: usize, read_payload: ReadPayload<'_>) -> Result<Entry, ContentError> {
        let text = "a string that is not empty";
        let not_empty = |text: &String| !text.is_empty();
        let hostname: Option<String> = self.typed(index, "hostname", text, |_| true)?;
        let hostname = hostname.filter(not_empty).ok_or(ContentError::NoHostname { index })?;
        let asynchronous = self.typed(index, "eventing", "true or false", |_| true)?.unwrap_or(false);
        let any = |_: &BTreeMap<String, &RawValue>| true;
        self.typed(index, "matchers", "an object or null", any)?;
        let hostname = match self.typed(index, "qualifier", text, not_empty)? {
            Some(qualifier) => format!("{hostname}:{qualifier}"),
            None => hostname,
        };
        let is_label = |label: &String| {
            (1..=MAX_LABEL_CHARS).contains(&label.chars().count()) && !label.chars().any(char::is_control)
        };
        let label = self.typed(index, "label", "a string of 1 to 100 characters on one line", is_label)?;
        let in_range = |weight: &u64| (1..=MAX_WEIGHT).contains(weight);
        let weight = self.typed(index, "weight", "a whole number from 1 to 1000", in_range)?.unwrap_or(1);
        let payload = self.payload(index, read_payload)?;
        check_size(index, asynchronous, payload.as_deref().unwrap_or(DEFAULT_PAYLOAD))?;
        Ok(Entry {
            has_label: label.is_some(),
            has_default_payload: payload.is_none(),
            endpoint: Endpoint {
                name: label.unwrap_or_else(|| hostname.clone()),
                hostname,
                payload: payload.unwrap_or_else(|| DEFAULT_PAYLOAD.to_owned()),
                asynchronous,
            },
            weight,
        })
    }

    fn payload(&self, index: usize, read: ReadPayload<'_>) -> Result<Option<String>, ContentError> {
        let path: Option<String> = self.typed(index, "payload_file", "the name of a file", |_| true)?;
        let payload = self.0.get("payload").map(|raw| raw.get().to_owned());
        let Some(path) = path else { return Ok(payload) };
        if payload.is_some() {
            return Err(ContentError::TwoPayloads { index });
        }
        let failed = |problem: String| ContentError::PayloadFile { index, path: path.clone(), problem };
        let text = read(Path::new(&path)).map_err(|error| failed(format!("cannot be read: {error}")))?;
        if text.len() > MAX_PAYLOAD_BYTES {
            return Err(failed(format!("larger than {MAX_PAYLOAD_BYTES} bytes, which is Lambda's limit")));
        }
        let text = without_bom(&text).trim();
        let json: Result<&RawValue, _> = serde_json::from_str(text);
        json.map_err(|error| failed(format!("expected one JSON document: {error}")))?;
        Ok(Some(text.to_owned()))
    }

    /// The value of a key, read as `T`; `None` if it is missing or null.
    fn typed<T: serde::Deserialize<'a>>(
        &self,
        index: usize,
        key: &'static str,
        expected: &'static str,
        is_allowed: impl FnOnce(&T) -> bool,
    ) -> Result<Option<T>, ContentError> {
        let Some(raw) = self.0.get(key) else { return Ok(None) };
        let read: Option<Option<T>> = serde_json::from_str(raw.get()).ok();
        match read {
            Some(None) => Ok(None),
            Some(Some(value)) if is_allowed(&value) => Ok(Some(value)),
            _ => {
                let value = crate::text::shortened(raw.get(), 80);
                Err(ContentError::Type { index, key, value, expected })
            }
        }
    }
}

/// The text without the mark that some editors put before it.
pub(super) fn without_bom(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

fn check_size(index: usize, asynchronous: bool, payload: &str) -> Result<(), ContentError> {
    let (limit, how) = if asynchronous {
        (MAX_ASYNCHRONOUS_PAYLOAD_BYTES, "asynchronous calls")
    } else {
        (MAX_PAYLOAD_BYTES, "calls that are waited for")
    };
    let bytes = payload.len();
    if bytes > limit { Err(ContentError::TooLarge { index, bytes, limit, how }) } else { Ok(()) }
}
