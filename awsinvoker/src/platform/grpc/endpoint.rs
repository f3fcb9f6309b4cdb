//! What to call, and with what.

use std::net::Ipv6Addr;

use hyper::body::Bytes;
use run_record::run_info::Protocol;
use serde::Deserialize;

use super::message::{self, FaasRequest, HelloRequest};
use crate::plan::endpoints::PayloadTemplate;
use crate::platform::answer;
use crate::text::shortened;

/// Longer values are cut in messages.
const MAX_CHARS: usize = 100;

/// A service that functions offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// `helloworld.Greeter/SayHello`, of vHive and vSwarm.
    Greeter,
    /// `faas.Executor/Execute`, of invitro.
    Executor,
}

/// A function that is called with one payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcEndpoint {
    /// A host name or an address, without a port.
    pub hostname: String,
    /// The port.
    pub port: u16,
    /// Whether it is spoken to through TLS.
    pub tls: bool,
    /// Which service it offers.
    pub service: Service,
    /// A JSON document. For [`Service::Greeter`]: a string, which is the name, or an object, which is an event and is sent
    /// as the name. For [`Service::Executor`]: an object with `runtime_ms`, `memory_mib`, and optionally `message`.
    pub payload: String,
    /// What fills the payload for each call anew, if it has placeholders.
    pub template: Option<PayloadTemplate>,
}

/// What of an endpoint cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum EndpointError {
    #[error("`hostname` is `{0}`, expected a host name or an address, without scheme and port")]
    Hostname(String),
    #[error("the port is 0, expected one from 1 to 65535")]
    Port,
    #[error("`payload` is `{value}`, expected {expected}{reason}")]
    Payload { value: String, expected: &'static str, reason: String },
}

/// What an endpoint is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Payload {
    pub(super) service: Service,
    /// Whether the function is sent an event, which it answers with JSON.
    pub(super) is_event: bool,
    pub(super) body: Bytes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExecutorPayload {
    runtime_ms: u32,
    memory_mib: u32,
    #[serde(default)]
    message: String,
}

impl Service {
    /// The service that is called with this protocol; `None` if it is a protocol of Lambda.
    pub(in crate::platform) fn of_protocol(protocol: Protocol) -> Option<Self> {
        match protocol {
            Protocol::Lambda => None,
            Protocol::Greeter => Some(Self::Greeter),
            Protocol::Executor => Some(Self::Executor),
        }
    }

    /// The path of its method.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Greeter => "/helloworld.Greeter/SayHello",
            Self::Executor => "/faas.Executor/Execute",
        }
    }
}

impl GrpcEndpoint {
    /// Checks what can be checked without the function.
    ///
    /// # Errors
    /// The host name or the payload cannot be used.
    pub fn check(&self) -> Result<(), EndpointError> {
        self.address()?;
        match &self.template {
            None => self.read_payload(0).map(drop),
            Some(template) => {
                template.extremes().try_for_each(|payload| self.service.read(&payload).map(drop))
            }
        }
    }

    /// The address of the server.
    pub(super) fn address(&self) -> Result<String, EndpointError> {
        let Self { hostname, port, tls, .. } = self;
        let bare = hostname.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hostname);
        let is_in_name = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        let host = match bare.parse::<Ipv6Addr>() {
            Ok(address) => format!("[{address}]"),
            Err(_) if !hostname.is_empty() && hostname.chars().all(is_in_name) => hostname.clone(),
            Err(_) => return Err(EndpointError::Hostname(shortened(hostname, MAX_CHARS))),
        };
        if *port == 0 {
            return Err(EndpointError::Port);
        }
        Ok(format!("{}://{host}:{port}", if *tls { "https" } else { "http" }))
    }

    /// What the call of this number sends.
    pub(super) fn read_payload(&self, number: u64) -> Result<Payload, EndpointError> {
        match &self.template {
            None => self.service.read(&self.payload),
            Some(template) => self.service.read(&template.filled(number)),
        }
    }
}

impl Service {
    /// What is sent for a payload.
    pub(super) fn read(self, payload: &str) -> Result<Payload, EndpointError> {
        let text = payload.trim();
        let is_event = text.starts_with('{') && self == Self::Greeter;
        let refused = |expected, reason: Option<serde_json::Error>| EndpointError::Payload {
            value: shortened(text, MAX_CHARS),
            expected,
            reason: reason.map(|reason| format!(": {reason}")).unwrap_or_default(),
        };
        let body = match self {
            Self::Greeter if is_event => {
                let valid: serde_json::Result<serde::de::IgnoredAny> = serde_json::from_str(text);
                valid.map_err(|error| refused("a JSON object", Some(error)))?;
                message::body(&HelloRequest { name: text.to_owned() })
            }
            Self::Greeter => {
                let expected = "a JSON string, which is the name, or a JSON object, which is an event";
                let name: String = serde_json::from_str(text).map_err(|_| refused(expected, None))?;
                message::body(&HelloRequest { name })
            }
            Self::Executor => {
                let expected = "a JSON object like {\"runtime_ms\": 100, \"memory_mib\": 64}";
                let payload: ExecutorPayload =
                    answer::object(text.as_bytes()).map_err(|error| refused(expected, Some(error)))?;
                message::body(&FaasRequest {
                    message: payload.message,
                    runtime_in_milli_sec: payload.runtime_ms,
                    memory_in_mebi_bytes: payload.memory_mib,
                })
            }
        };
        Ok(Payload { service: self, is_event, body: body.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(service: Service, payload: &str) -> GrpcEndpoint {
        let hostname = "chameleon-0.default.192.168.1.240.sslip.io".to_owned();
        GrpcEndpoint { hostname, port: 80, tls: false, service, payload: payload.to_owned(), template: None }
    }

    #[test]
    fn names_and_events_are_sent_as_they_are_written() {
        let sent = |payload: &str| {
            let payload = endpoint(Service::Greeter, payload).read_payload(0).unwrap();
            (message::read::<HelloRequest>(&payload.body).unwrap().name, payload.is_event)
        };
        assert_eq!(sent(r#""record""#), ("record".to_owned(), false));
        assert_eq!(sent(r#""caf\u00e9 \"x\"""#), ("café \"x\"".to_owned(), false));
        let event = r#"{"num_of_rows": 1,  "num_of_cols": 3.0}"#;
        assert_eq!(sent(&format!(" {event}\n")), (event.to_owned(), true));
    }

    #[test]
    fn an_executor_is_told_how_long_and_how_much() {
        let sent = |payload: &str| {
            let payload = endpoint(Service::Executor, payload).read_payload(0).unwrap();
            assert!(!payload.is_event);
            message::read::<FaasRequest>(&payload.body).unwrap()
        };
        let request =
            FaasRequest { message: String::new(), runtime_in_milli_sec: 100, memory_in_mebi_bytes: 64 };
        assert_eq!(sent(r#"{"memory_mib": 64, "runtime_ms": 100}"#), request);
        let message = "m".to_owned();
        assert_eq!(
            sent(r#"{"memory_mib": 64, "runtime_ms": 100, "message": "m"}"#),
            FaasRequest { message, ..request }
        );
    }

    #[test]
    fn addresses_are_those_of_hosts() {
        let address = |hostname: &str, port, tls| {
            let hostname = hostname.to_owned();
            GrpcEndpoint { hostname, port, tls, ..endpoint(Service::Greeter, "\"x\"") }.address().ok()
        };
        assert_eq!(address("f.example", 8080, false).as_deref(), Some("http://f.example:8080"));
        assert_eq!(address("::1", 443, true).as_deref(), Some("https://[::1]:443"));
        assert_eq!(address("[::1]", 80, false).as_deref(), Some("http://[::1]:80"));
        for wrong in ["", "http://f", "f:80", "f/x", "[f]", "é.example", "a b"] {
            assert_eq!(address(wrong, 80, false), None, "{wrong}");
        }
        assert_eq!(address("f", 0, false), None);
    }

    #[test]
    fn messages_name_the_value_and_what_was_expected() {
        let error = |service, payload: &str| endpoint(service, payload).check().unwrap_err().to_string();
        insta::assert_snapshot!(error(Service::Greeter, "3"), @"`payload` is `3`, expected a JSON string, which is the name, or a JSON object, which is an event");
        insta::assert_snapshot!(error(Service::Greeter, "{"), @"`payload` is `{`, expected a JSON object: EOF while parsing an object at line 1 column 1");
        insta::assert_snapshot!(error(Service::Executor, "\"x\""), @r#"`payload` is `"x"`, expected a JSON object like {"runtime_ms": 100, "memory_mib": 64}: invalid type: string "x", expected struct ExecutorPayload at line 1 column 3"#);
        insta::assert_snapshot!(error(Service::Executor, r#"{"runtime_ms": 1}"#), @r#"`payload` is `{"runtime_ms": 1}`, expected a JSON object like {"runtime_ms": 100, "memory_mib": 64}: missing field `memory_mib` at line 1 column 17"#);
        let wrong = GrpcEndpoint { hostname: "http://f".to_owned(), ..endpoint(Service::Greeter, "\"x\"") };
        insta::assert_snapshot!(wrong.check().unwrap_err(), @"`hostname` is `http://f`, expected a host name or an address, without scheme and port");
    }
}
