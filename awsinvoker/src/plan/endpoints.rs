//! The endpoints file: whom to call, how often, and with what.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::cli::DEFAULT_ENDPOINTS_FILE;

/// The payload of an entry that has none: the only one that the original invoker ever sent.
pub const DEFAULT_PAYLOAD: &str = r#"{"num_of_rows":1,"num_of_cols":3}"#;

/// More different endpoints than this are refused: each may need some forty histograms of 264 KiB.
pub const MAX_ENDPOINTS: usize = 100;

/// Larger files are refused; the greatest payload that Lambda accepts has 6 MiB.
const MAX_FILE_BYTES: u64 = 64 << 20;

const KNOWN_KEYS: [&str; 4] = ["hostname", "eventing", "matchers", "payload"];

/// One thing to call with one payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The unique name under which results are published: the host name, numbered if it is called in several ways.
    pub name: String,
    /// Whom to call.
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

/// What an endpoints file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// The file that was read, for messages; empty if the endpoints come from elsewhere.
    pub path: PathBuf,
    /// SHA-256 of the file in hexadecimal; empty if the endpoints come from elsewhere.
    pub sha256: String,
    /// The different endpoints, in order of their first appearance.
    pub list: Vec<Endpoint>,
    /// For each entry of the file the index of its endpoint: the round robin order.
    pub slots: Vec<usize>,
    /// Keys that mean nothing here, each once.
    pub unknown_keys: Vec<String>,
    /// How many of the endpoints have no payload of their own.
    pub defaulted: usize,
}

/// Why an endpoints file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EndpointsError {
    /// There is no file of the default name.
    #[error(
        "{DEFAULT_ENDPOINTS_FILE}, which is read if --endpoints-file is not given: cannot be read: {0}; make one like \
         [{{\"hostname\": \"chameleon\"}}]"
    )]
    NoDefault(std::io::Error),
    /// The file cannot be read.
    #[error("--endpoints-file {}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is too large.
    #[error("--endpoints-file {}: larger than {MAX_FILE_BYTES} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The content is wrong.
    #[error("--endpoints-file {}: {source}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ContentError,
    },
}

/// Why the content of an endpoints file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// Not the expected JSON.
    #[error("expected a JSON array of objects like {{\"hostname\": \"chameleon\"}}: {0}")]
    Json(#[from] serde_json::Error),
    /// No entry at all.
    #[error("the array is empty, expected at least one entry like {{\"hostname\": \"chameleon\"}}")]
    Empty,
    /// An entry without `hostname`.
    #[error("entry {index}: `hostname` is missing, expected the name of what to call")]
    NoHostname {
        /// Position in the array, from 0.
        index: usize,
    },
    /// A key with the wrong kind of value.
    #[error("entry {index}: `{key}` is {value}, expected {expected}")]
    Type {
        /// Position in the array, from 0.
        index: usize,
        /// The key.
        key: &'static str,
        /// Its value, shortened.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// Too many different endpoints.
    #[error("entry {index}: one more than {MAX_ENDPOINTS} different endpoints, expected at most that many")]
    TooMany {
        /// Position in the array, from 0.
        index: usize,
    },
}

/// Reads an endpoints file, or that of the default name.
///
/// # Errors
/// The file cannot be read, or its content is not as documented.
pub(super) fn read(given: Option<&Path>) -> Result<Endpoints, EndpointsError> {
    let path = given.unwrap_or(Path::new(DEFAULT_ENDPOINTS_FILE)).to_owned();
    let mut text = String::new();
    let read = File::open(&path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text));
    match (read, given) {
        (Err(source), None) => Err(EndpointsError::NoDefault(source)),
        (Err(source), Some(_)) => Err(EndpointsError::Read { path, source }),
        (Ok(_), _) if text.len() as u64 > MAX_FILE_BYTES => Err(EndpointsError::TooLarge { path }),
        (Ok(_), _) => match parse(&text) {
            Ok(endpoints) => Ok(Endpoints { path, sha256: sha256(text.as_bytes()), ..endpoints }),
            Err(source) => Err(EndpointsError::Content { path, source }),
        },
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads the content of an endpoints file.
///
/// # Errors
/// The content is not as documented.
pub fn parse(text: &str) -> Result<Endpoints, ContentError> {
    let entries: Vec<BTreeMap<String, &RawValue>> = serde_json::from_str(text)?;
    if entries.is_empty() {
        return Err(ContentError::Empty);
    }
    let mut endpoints = Endpoints::default();
    for (index, entry) in entries.iter().enumerate() {
        endpoints.add(index, entry)?;
    }
    Ok(endpoints)
}

impl Endpoints {
    /// The endpoints' names, in order.
    pub fn names(&self) -> Vec<String> {
        self.list.iter().map(|endpoint| endpoint.name.clone()).collect()
    }

    /// The position in the file, from 0, of the first entry for the endpoint of this index.
    pub fn entry(&self, endpoint: usize) -> usize {
        self.slots.iter().position(|&slot| slot == endpoint).unwrap_or(endpoint)
    }

    fn add(&mut self, index: usize, entry: &BTreeMap<String, &RawValue>) -> Result<(), ContentError> {
        let hostname: String = typed(index, entry, "hostname", "a string that is not empty")?
            .filter(|hostname: &String| !hostname.is_empty())
            .ok_or(ContentError::NoHostname { index })?;
        let asynchronous = typed(index, entry, "eventing", "true or false")?.unwrap_or(false);
        let _: Option<BTreeMap<String, &RawValue>> = typed(index, entry, "matchers", "an object or null")?;
        let payload = entry.get("payload").map_or(DEFAULT_PAYLOAD, |raw| raw.get());
        for key in entry.keys().filter(|key| !KNOWN_KEYS.contains(&key.as_str())) {
            if !self.unknown_keys.contains(key) {
                self.unknown_keys.push(key.clone());
            }
        }
        let slot = self.slot(&hostname, payload, asynchronous).ok_or(ContentError::TooMany { index })?;
        if slot == self.list.len() {
            self.defaulted += usize::from(!entry.contains_key("payload"));
            let name = self.unique_name(&hostname);
            self.list.push(Endpoint { name, hostname, payload: payload.to_owned(), asynchronous });
        }
        self.slots.push(slot);
        Ok(())
    }

    /// The index of an endpoint, or of the place where it belongs; `None` if there is no place left.
    fn slot(&self, hostname: &str, payload: &str, asynchronous: bool) -> Option<usize> {
        let same = |endpoint: &Endpoint| {
            endpoint.hostname == hostname
                && endpoint.payload == payload
                && endpoint.asynchronous == asynchronous
        };
        let next = (self.list.len() < MAX_ENDPOINTS).then_some(self.list.len());
        self.list.iter().position(same).or(next)
    }

    fn unique_name(&self, hostname: &str) -> String {
        let taken = |name: &str| self.list.iter().any(|endpoint| endpoint.name == name);
        let numbered = (2..).map(|number| format!("{hostname}#{number}"));
        std::iter::once(hostname.to_owned()).chain(numbered).find(|name| !taken(name)).unwrap_or_default()
    }
}

/// The value of a key, read as `T`; `None` if it is missing or null.
fn typed<'a, T: serde::Deserialize<'a>>(
    index: usize,
    entry: &BTreeMap<String, &'a RawValue>,
    key: &'static str,
    expected: &'static str,
) -> Result<Option<T>, ContentError> {
    let Some(raw) = entry.get(key) else { return Ok(None) };
    serde_json::from_str(raw.get()).map_err(|_| {
        let value = crate::text::shortened(raw.get(), 80);
        ContentError::Type { index, key, value, expected }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(endpoints: &Endpoints) -> Vec<&str> {
        endpoints.list.iter().map(|endpoint| endpoint.name.as_str()).collect()
    }

    #[test]
    fn reads_files_of_the_original_and_of_vswarm() {
        let endpoints = parse(
            r#"[{"hostname": "chameleon", "eventing": false, "matchers": null},
                {"hostname": "cnn_serving", "eventing": true, "matchers": {"type": "x"}},
                {"hostname": "chameleon"}]"#,
        )
        .unwrap();
        assert_eq!(names(&endpoints), ["chameleon", "cnn_serving"]);
        assert_eq!(endpoints.slots, [0, 1, 0]);
        assert_eq!(endpoints.defaulted, 2);
        assert!(endpoints.list[1].asynchronous && !endpoints.list[0].asynchronous);
        assert_eq!(endpoints.list[0].payload, DEFAULT_PAYLOAD);
    }

    #[test]
    fn keeps_payloads_as_they_are_written() {
        let payloads = ["null", "[1, 2]", r#"{"n": 1180591620717411303424}"#, "1.0", r#""text""#];
        for payload in payloads {
            let endpoints = parse(&format!(r#"[{{"hostname": "f", "payload": {payload}}}]"#)).unwrap();
            assert_eq!((endpoints.list[0].payload.as_str(), endpoints.defaulted), (payload, 0));
        }
    }

    #[test]
    fn different_payloads_make_different_endpoints() {
        let endpoints = parse(
            r#"[{"hostname": "f", "payload": 1}, {"hostname": "f", "payload": 2}, {"hostname": "f", "payload": 1},
                {"hostname": "f", "payload": 1, "eventing": true}, {"hostname": "f#2"}]"#,
        )
        .unwrap();
        assert_eq!(names(&endpoints), ["f", "f#2", "f#3", "f#2#2"]);
        assert_eq!(endpoints.slots, [0, 1, 0, 2, 3]);
    }

    #[test]
    fn unknown_keys_are_named_and_ignored() {
        let endpoints = parse(r#"[{"hostname": "f", "port": 80}, {"hostname": "g", "port": 81}]"#).unwrap();
        assert_eq!(endpoints.unknown_keys, ["port"]);
    }

    #[test]
    fn says_what_is_wrong() {
        let message = |text: &str| parse(text).unwrap_err().to_string();
        insta::assert_snapshot!(message("[]"), @r#"the array is empty, expected at least one entry like {"hostname": "chameleon"}"#);
        insta::assert_snapshot!(message("{}"), @r#"expected a JSON array of objects like {"hostname": "chameleon"}: invalid type: map, expected a sequence at line 1 column 0"#);
        insta::assert_snapshot!(message(r#"[{"hostname": "f"}, {}]"#), @"entry 1: `hostname` is missing, expected the name of what to call");
        insta::assert_snapshot!(message(r#"[{"hostname": ""}]"#), @"entry 0: `hostname` is missing, expected the name of what to call");
        insta::assert_snapshot!(message(r#"[{"hostname": ["f"]}]"#), @r#"entry 0: `hostname` is ["f"], expected a string that is not empty"#);
        insta::assert_snapshot!(message(r#"[{"hostname": "f", "eventing": "yes"}]"#), @r#"entry 0: `eventing` is "yes", expected true or false"#);
        insta::assert_snapshot!(message(r#"[{"hostname": "f", "matchers": 3}]"#), @"entry 0: `matchers` is 3, expected an object or null");
        let many: Vec<_> = (0..=MAX_ENDPOINTS).map(|n| format!(r#"{{"hostname": "f{n}"}}"#)).collect();
        insta::assert_snapshot!(message(&format!("[{}]", many.join(","))), @"entry 100: one more than 100 different endpoints, expected at most that many");
    }
}
