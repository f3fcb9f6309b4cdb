//! The endpoints file: whom to call, how often, and with what.

mod entry;
mod error;
mod fields;
mod place;
mod slots;
mod template;

use std::path::PathBuf;

pub use entry::{DEFAULT_PAYLOAD, Endpoint, MAX_ASYNCHRONOUS_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES};
use entry::{Entry, ReadPayload, without_bom};
use error::MAX_SLOTS;
pub use error::{ContentError, EndpointsError, MAX_ENDPOINTS, MAX_FILE_BYTES};
use fields::Fields;
pub(crate) use fields::KNOWN_KEYS;
pub use place::{LocalSettings, LocalSource, Place, RestartCommand};
pub use template::{PayloadTemplate, TemplateError};

/// What an endpoints file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// The file that was read, for messages; empty if the endpoints come from elsewhere.
    pub path: PathBuf,
    /// SHA-256 of the file in hexadecimal; empty if the endpoints come from elsewhere.
    pub sha256: String,
    /// The different endpoints, in order of their first appearance.
    pub list: Vec<Endpoint>,
    /// The indices of the endpoints in the order of one round: each entry of the file as often as its weight says.
    pub slots: Vec<usize>,
    /// For each endpoint where it comes from.
    origins: Vec<Origin>,
    /// Keys that mean nothing here, each once.
    pub unknown_keys: Vec<String>,
    /// How many of the endpoints have no payload of their own.
    pub defaulted: usize,
    /// Whether there is no file, and these are the functions of this project.
    pub are_own_functions: bool,
}

/// Where an endpoint comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Origin {
    /// Its first entry in the file, from 0.
    entry: usize,
    has_label: bool,
}

/// Reads the content of an endpoints file. `read_payload` reads the files that its entries name.
///
/// # Errors
/// The content is not as documented.
pub fn parse(text: &str, read_payload: ReadPayload<'_>) -> Result<Endpoints, ContentError> {
    let entries: Vec<Fields<'_>> = serde_json::from_str(without_bom(text))?;
    if entries.is_empty() {
        return Err(ContentError::Empty);
    }
    let mut endpoints = Endpoints::default();
    let (mut called, mut weights) = (Vec::new(), Vec::new());
    for (index, fields) in entries.iter().enumerate() {
        endpoints.note_unknown_keys(fields);
        let entry = Entry::read(fields, index, &mut *read_payload)?;
        weights.push(entry.weight);
        called.push(endpoints.add(index, entry)?);
    }
    let slots = weights.iter().sum();
    if slots > MAX_SLOTS {
        return Err(ContentError::TooManySlots { slots });
    }
    endpoints.slots = slots::interleaved(&weights).into_iter().map(|entry| called[entry]).collect();
    Ok(endpoints)
}

impl Endpoints {
    /// The endpoints' names, in order.
    pub fn names(&self) -> Vec<String> {
        self.list.iter().map(|endpoint| endpoint.name.clone()).collect()
    }

    /// The position in the file, from 0, of the first entry for the endpoint of this index.
    pub fn entry(&self, endpoint: usize) -> usize {
        self.origins.get(endpoint).map_or(endpoint, |origin| origin.entry)
    }

    /// For each endpoint the number of its function. Endpoints that differ only in what they send, and in what results say of
    /// them, call one function.
    pub(super) fn functions(&self) -> Vec<usize> {
        let is_same = |a: &Endpoint, b: &Endpoint| a.hostname == b.hostname && a.place == b.place;
        let number = |endpoint| self.list.iter().position(|other| is_same(other, endpoint));
        self.list.iter().map(|endpoint| number(endpoint).unwrap_or_default()).collect()
    }

    /// Has all templates draw their values from this seed.
    pub(super) fn seed_templates(&mut self, seed: u64) {
        for template in self.list.iter_mut().filter_map(|endpoint| endpoint.template.as_mut()) {
            template.seed = seed;
        }
    }

    fn note_unknown_keys(&mut self, fields: &Fields<'_>) {
        for key in fields.unknown_keys() {
            if !self.unknown_keys.contains(key) {
                self.unknown_keys.push(key.clone());
            }
        }
    }

    /// Adds the endpoint of an entry, unless it is there. Returns its index.
    fn add(&mut self, index: usize, entry: Entry) -> Result<usize, ContentError> {
        let Entry { mut endpoint, has_label, has_default_payload, .. } = entry;
        let is_known = |(other, origin): (&Endpoint, &Origin)| {
            other.is_same_call(&endpoint)
                && origin.has_label == has_label
                && (!has_label || other.name == endpoint.name)
        };
        if let Some(known) = self.list.iter().zip(&self.origins).position(is_known) {
            return Ok(known);
        }
        if self.list.len() == MAX_ENDPOINTS {
            return Err(ContentError::TooMany { index });
        }
        if !has_label {
            endpoint.name = self.unique_name(&endpoint.name);
        } else if self.list.iter().any(|other| other.name == endpoint.name) {
            return Err(ContentError::Label { index, label: endpoint.name });
        }
        self.defaulted += usize::from(has_default_payload);
        self.origins.push(Origin { entry: index, has_label });
        self.list.push(endpoint);
        Ok(self.list.len() - 1)
    }

    fn unique_name(&self, base: &str) -> String {
        let taken = |name: &str| self.list.iter().any(|endpoint| endpoint.name == name);
        let numbered = (2..).map(|number| format!("{base}#{number}"));
        std::iter::once(base.to_owned()).chain(numbered).find(|name| !taken(name)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use run_record::run_info::Protocol;

    use super::*;

    fn parse(text: &str) -> Result<Endpoints, ContentError> {
        super::parse(text, &mut |path| match path.to_str() {
            Some("two.json") => Ok("\u{feff}[1,\n 2]\n".to_owned()),
            Some("bad.json") => Ok("[1".to_owned()),
            Some("large.json") => Ok("1".repeat(MAX_PAYLOAD_BYTES + 1)),
            _ => Err(io::ErrorKind::NotFound.into()),
        })
    }

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
        assert_eq!(endpoints.functions(), [0, 0, 0, 3]);
    }

    #[test]
    fn labels_are_names_and_weights_are_shares() {
        let endpoints = parse(
            r#"[{"hostname": "f", "label": "small", "weight": 3}, {"hostname": "f", "payload": 1, "label": "large"},
                {"hostname": "f", "qualifier": "prod", "weight": 2}, {"hostname": "f", "label": "small"}]"#,
        )
        .unwrap();
        assert_eq!(names(&endpoints), ["small", "large", "f:prod"]);
        assert_eq!(endpoints.list[2].hostname, "f:prod");
        assert_eq!(endpoints.slots, [0, 2, 0, 1, 0, 2, 0]);
        assert_eq!([0, 1, 2].map(|endpoint| endpoints.entry(endpoint)), [0, 1, 2]);
    }

    #[test]
    fn a_label_makes_an_endpoint_of_its_own() {
        let endpoints =
            parse(r#"[{"hostname": "f", "label": "a"}, {"hostname": "f"}, {"hostname": "f", "label": "b"}]"#);
        let endpoints = endpoints.unwrap();
        assert_eq!(
            (names(&endpoints), endpoints.slots.as_slice()),
            (vec!["a", "f", "b"], [0, 1, 2].as_slice())
        );
    }

    #[test]
    fn an_entry_tells_where_its_endpoint_is() {
        let endpoints = parse(
            r#"[{"hostname": "f"}, {"hostname": "f", "endpoint_url": "https://x.example.com:8443/path"},
                {"hostname": "f", "Region": "eu-west-1", "profile": "test", "protocol": "lambda"},
                {"hostname": "f", "system": "a", "function": "g", "memory_mb": 256, "program": "./f"},
                {"hostname": "f", "system": "a", "image": "f:1", "label": "image"}, {"hostname": "f", "system": "a"},
                {"hostname": "f", "endpoint_url": "http://[::1]", "region": "x-1"}, {"hostname": "f"}]"#,
        )
        .unwrap();
        assert_eq!(endpoints.unknown_keys, [""; 0]);
        let names = names(&endpoints);
        let expected =
            ["f", "f@x.example.com:8443", "f@eu-west-1-test", "f@a", "image", "f@a#2", "f@[::1]-x-1"];
        assert_eq!(names, expected);
        assert_eq!(endpoints.slots, [0, 1, 2, 3, 4, 5, 6, 0]);
        let systems: Vec<_> = endpoints.list.iter().map(|endpoint| endpoint.system.as_deref()).collect();
        assert_eq!(
            systems[..5],
            [None, Some("x.example.com:8443"), Some("eu-west-1-test"), Some("a"), Some("a")]
        );
        let [
            Endpoint { place: plain, .. },
            Endpoint { place: url, .. },
            Endpoint { place: aws, .. },
            local,
            image,
            ..,
        ] = &endpoints.list[..]
        else {
            panic!("{endpoints:?}")
        };
        assert_eq!(*plain, Place::default());
        assert_eq!(url.endpoint_url.as_deref(), Some("https://x.example.com:8443/path"));
        assert_eq!((aws.region.as_deref(), aws.profile.as_deref()), (Some("eu-west-1"), Some("test")));
        assert!(url.is_elsewhere("f") && aws.is_elsewhere("f") && !local.is_elsewhere());
        let source = Some(LocalSource::Program("./f".to_owned()));
        assert_eq!(
            (local.function.as_deref(), &local.place.local),
            (Some("g"), &LocalSettings { memory_mb: Some(256), source })
        );
        assert_eq!(image.place.local.source, Some(LocalSource::Image("f:1".to_owned())));
    }

    #[test]
    fn equal_calls_of_two_systems_are_two_endpoints() {
        let endpoints =
            parse(r#"[{"hostname": "f", "system": "a"}, {"hostname": "f", "system": "b"}]"#).unwrap();
        assert_eq!((names(&endpoints), endpoints.slots.len()), (vec!["f@a", "f@b"], 2));
    }

    #[test]
    fn payloads_come_from_files() {
        let endpoints = parse(r#"[{"hostname": "f", "payload_file": "two.json"}]"#).unwrap();
        assert_eq!((endpoints.list[0].payload.as_str(), endpoints.defaulted), ("[1,\n 2]", 0));
    }

    #[test]
    fn keys_are_read_as_go_reads_them() {
        let endpoints = parse(
            "\u{feff}[{\"HostName\": \"f\", \"hostname\": \"g\", \"EVENTING\": true, \"Matchers\": null}]",
        );
        let endpoints = endpoints.unwrap();
        assert_eq!((names(&endpoints), endpoints.list[0].asynchronous), (vec!["g"], true));
        assert_eq!(endpoints.unknown_keys, [""; 0]);
    }

    #[test]
    fn payloads_above_the_limit_are_refused() {
        let message = |eventing: bool, bytes: usize| {
            let payload = format!("\"{}\"", "x".repeat(bytes - 2));
            let entry = format!(
                r#"[{{"hostname": "f"}}, {{"hostname": "f", "eventing": {eventing}, "payload": {payload}}}]"#
            );
            parse(&entry).err().map(|error| error.to_string())
        };
        assert_eq!(message(false, MAX_PAYLOAD_BYTES), None);
        assert_eq!(message(true, MAX_ASYNCHRONOUS_PAYLOAD_BYTES), None);
        insta::assert_snapshot!(message(false, MAX_PAYLOAD_BYTES + 1).unwrap(), @"entry 1: the payload has 6291457 bytes, expected at most 6291456, which is Lambda's limit for calls that are waited for");
        insta::assert_snapshot!(message(true, MAX_ASYNCHRONOUS_PAYLOAD_BYTES + 1).unwrap(), @"entry 1: the payload has 1048577 bytes, expected at most 1048576, which is Lambda's limit for asynchronous calls");
    }

    #[test]
    fn functions_behind_grpc_stand_beside_those_of_lambda() {
        let endpoints = parse(
            r#"[{"hostname": "f"}, {"hostname": "f", "protocol": "greeter", "port": 50051, "tls": true},
                {"hostname": "f-0.default.10.0.0.1.sslip.io", "eventing": false, "matchers": {}},
                {"hostname": "g.example", "protocol": "executor", "payload": {"runtime_ms": 1, "memory_mib": 1}}]"#,
        )
        .unwrap();
        let seen: Vec<_> = endpoints
            .list
            .iter()
            .map(|it| (it.name.as_str(), it.place.protocol, it.place.port, it.place.tls, it.payload.as_str()))
            .collect();
        let executor = r#"{"runtime_ms": 1, "memory_mib": 1}"#;
        let expected = [
            ("f", Protocol::Lambda, None, false, DEFAULT_PAYLOAD),
            ("f:50051", Protocol::Greeter, Some(50_051), true, DEFAULT_PAYLOAD),
            ("f-0.default.10.0.0.1.sslip.io", Protocol::Greeter, None, false, r#""Invoke relay""#),
            ("g.example", Protocol::Executor, None, false, executor),
        ];
        assert_eq!(seen, expected);
        assert_eq!(endpoints.defaulted, 2);
    }

    #[test]
    fn the_port_of_an_entry_tells_servers_on_one_host_apart() {
        let entry = |fields: &str| format!(r#"{{"protocol": "greeter", {fields}}}"#);
        let entries = [
            entry(r#""hostname": "127.0.0.1", "port": 56051"#),
            entry(r#""hostname": "127.0.0.1", "port": 56053"#),
            entry(r#""hostname": "127.0.0.1", "port": 56053, "payload": "a""#),
            entry(r#""hostname": "127.0.0.1", "port": 56053, "system": "b""#),
            entry(r#""hostname": "::1", "port": 1"#),
            entry(r#""hostname": "[::1]", "port": 2, "label": "c""#),
            entry(r#""hostname": "127.0.0.1""#),
        ];
        let endpoints = parse(&format!("[{}]", entries.join(","))).unwrap();
        let seen: Vec<_> = endpoints.list.iter().map(|it| (it.name.as_str(), it.system.as_deref())).collect();
        let expected = [
            ("127.0.0.1:56051", Some("127.0.0.1:56051")),
            ("127.0.0.1:56053", Some("127.0.0.1:56053")),
            ("127.0.0.1:56053#2", Some("127.0.0.1:56053")),
            ("127.0.0.1@b", Some("b")),
            ("[::1]:1", Some("[::1]:1")),
            ("c", Some("[::1]:2")),
            ("127.0.0.1", None),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn unknown_keys_are_named_and_ignored() {
        let endpoints = parse(r#"[{"hostname": "f", "ports": 80}, {"hostname": "g", "ports": 81}]"#).unwrap();
        assert_eq!(endpoints.unknown_keys, ["ports"]);
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
        insta::assert_snapshot!(message(r#"[{"hostname": "f", "weight": 0}]"#), @"entry 0: `weight` is 0, expected a whole number from 1 to 1000");
        insta::assert_snapshot!(message(r#"[{"hostname": "f", "weight": 1.5}]"#), @"entry 0: `weight` is 1.5, expected a whole number from 1 to 1000");
        insta::assert_snapshot!(message(r#"[{"hostname": "f", "label": "a\nb"}]"#), @r#"entry 0: `label` is "a\nb", expected a string of 1 to 100 characters on one line"#);
        insta::assert_snapshot!(message(r#"[{"hostname": "f", "label": "a"}, {"hostname": "g", "label": "a"}]"#), @"entry 1: `label` is `a`, which is the name of another endpoint too, expected a name of its own");
        insta::assert_snapshot!(message(r#"[{"hostname": "f"}, {"hostname": "g", "label": "f"}]"#), @"entry 1: `label` is `f`, which is the name of another endpoint too, expected a name of its own");
        insta::assert_snapshot!(message(r#"[{"hostname": "f", "payload": 1, "payload_file": "two.json"}]"#), @"entry 0: both `payload` and `payload_file` are given, expected one of them");
        insta::assert_snapshot!(message(r#"[{"hostname": "f", "payload_file": "bad.json"}]"#), @"entry 0: `payload_file` bad.json: expected one JSON document: EOF while parsing a list at line 1 column 2");
        insta::assert_snapshot!(message(r#"[{"hostname": "f", "payload_file": "none.json"}]"#), @"entry 0: `payload_file` none.json: cannot be read: entity not found");
        insta::assert_snapshot!(message(r#"[{"hostname": "f", "payload_file": "large.json"}]"#), @"entry 0: `payload_file` large.json: larger than 6291456 bytes, which is Lambda's limit");
        insta::assert_snapshot!(message(r#"[{"hostname": "f", "protocol": "grpc"}]"#), @r#"entry 0: `protocol` is "grpc", expected "lambda", or "greeter" or "executor" for a function behind gRPC"#);
        insta::assert_snapshot!(message(r#"[{"hostname": "f", "protocol": "executor"}]"#), @r#"entry 0: `payload` is missing, expected an object like {"runtime_ms": 100, "memory_mib": 64} for the protocol executor"#);
        insta::assert_snapshot!(message(r#"[{"hostname": "f", "port": 80}]"#), @"entry 0: `port` is given, expected none for a Lambda function");
        insta::assert_snapshot!(message(r#"[{"hostname": "f.x", "port": 0}]"#), @"entry 0: `port` is 0, expected a whole number from 1 to 65535");
        insta::assert_snapshot!(message(r#"[{"hostname": "f", "protocol": "executor", "region": "eu-west-1"}]"#), @"entry 0: `region` is given, expected none for a function behind gRPC");
        insta::assert_snapshot!(message(r#"[{"hostname": "f.x", "eventing": true}]"#), @"entry 0: `eventing` is true, expected false for a function behind gRPC: its calls end with its answer, and vSwarm's own way of learning when an event was handled needs a service in the cluster");
        insta::assert_snapshot!(message(r#"[{"hostname": "f", "endpoint_url": "127.0.0.1:9000"}]"#), @r#"entry 0: `endpoint_url` is "127.0.0.1:9000", expected an address like http://127.0.0.1:9000"#);
        insta::assert_snapshot!(message(r#"[{"hostname": "f", "region": "eu west"}]"#), @r#"entry 0: `region` is "eu west", expected a region like eu-central-1"#);
        insta::assert_snapshot!(message(r#"[{"hostname": "f", "profile": ""}]"#), @r#"entry 0: `profile` is "", expected a string of 1 to 100 characters on one line"#);
        insta::assert_snapshot!(message(r#"[{"hostname": "f", "system": 1}]"#), @"entry 0: `system` is 1, expected a string of 1 to 100 characters on one line");
        insta::assert_snapshot!(message(r#"[{"hostname": "f", "memory_mb": 127}]"#), @"entry 0: `memory_mb` is 127, expected a whole number from 128 to 10240");
        insta::assert_snapshot!(message(r#"[{"hostname": "f", "image": "f g"}]"#), @r#"entry 0: `image` is "f g", expected the name of a Docker image"#);
        insta::assert_snapshot!(message(r#"[{"hostname": "f", "program": ""}]"#), @r#"entry 0: `program` is "", expected the name or the path of a program"#);
        insta::assert_snapshot!(message(r#"[{"hostname": "f", "image": "f", "program": "f"}]"#), @"entry 0: both `program` and `image` are given, expected one of them");
        let heavy: Vec<_> = (0..1001).map(|_| r#"{"hostname": "f", "weight": 1000}"#).collect();
        insta::assert_snapshot!(message(&format!("[{}]", heavy.join(","))), @"the weights of all entries are 1001000 together, expected at most 1000000; an entry without one has 1");
        let many: Vec<_> = (0..=MAX_ENDPOINTS).map(|n| format!(r#"{{"hostname": "f{n}"}}"#)).collect();
        insta::assert_snapshot!(message(&format!("[{}]", many.join(","))), @"entry 100: one more than 100 different endpoints, expected at most that many");
    }
}
