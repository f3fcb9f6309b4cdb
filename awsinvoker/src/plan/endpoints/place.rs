//! What an entry of an endpoints file says of where its endpoint is.

use http::Uri;
use run_record::run_info::Protocol;
use serde::Deserialize;

use super::error::ContentError;
use super::fields::Fields;

/// As AWS Lambda allows.
const MEMORY_MB: std::ops::RangeInclusive<u32> = 128..=10_240;

/// The protocols that an entry can name.
const PROTOCOLS: &str = r#""lambda", or "greeter" or "executor" for a function behind gRPC"#;

/// What the key `restart` takes.
const RESTART: &str =
    r#"an object like {"command": ["kubectl", "patch", "..."]} with the program and its arguments"#;

/// Keys of functions behind gRPC.
const OF_GRPC: [&str; 2] = ["port", "tls"];

/// Keys of Lambda functions.
const OF_LAMBDA: [&str; 4] = ["endpoint_url", "profile", "qualifier", "region"];

/// Where an endpoint is, as far as its entry says so. The command line says the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// How it is called.
    pub protocol: Protocol,
    /// The address of its server.
    pub endpoint_url: Option<String>,
    /// Its AWS region.
    pub region: Option<String>,
    /// The profile in AWS's configuration files for its calls.
    pub profile: Option<String>,
    /// The port of a function behind gRPC.
    pub port: Option<u16>,
    /// Whether a function behind gRPC is spoken to through TLS.
    pub tls: bool,
    /// How its function gets fresh environments, if it is not started for the run and its platform has no way of its own.
    pub restart: Option<RestartCommand>,
    /// How its function is started, if it is started for the run.
    pub local: LocalSettings,
}

/// A command of the user that gives a function fresh environments.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestartCommand {
    /// The program and its arguments. It ends when new calls meet fresh environments.
    pub command: Vec<String>,
}

/// How a function is started for the run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalSettings {
    /// Its memory in MB.
    pub memory_mb: Option<u32>,
    /// What it is started from.
    pub source: Option<LocalSource>,
}

/// What a function is started from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalSource {
    /// A program: its name, or its path with a slash, which may be relative to the folder of the endpoints file.
    Program(String),
    /// The name of a Docker image.
    Image(String),
}

impl Place {
    /// Reads the keys about the place from the entry at this position.
    pub(super) fn read(fields: &Fields<'_>, index: usize, hostname: &str) -> Result<Self, ContentError> {
        let is_url = |url: &String| host_and_port(url).is_some();
        let is_region =
            |text: &String| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let (url, region) = ("an address like http://127.0.0.1:9000", "a region like eu-central-1");
        let protocol = fields.typed(index, "protocol", PROTOCOLS, |_| true)?;
        let protocol = protocol.unwrap_or_else(|| usual_protocol(hostname));
        check_keys(fields, index, protocol)?;
        Ok(Self {
            protocol,
            port: fields.typed(index, "port", "a whole number from 1 to 65535", |port| *port > 0)?,
            tls: fields.typed(index, "tls", "true or false", |_| true)?.unwrap_or(false),
            endpoint_url: fields.typed(index, "endpoint_url", url, is_url)?,
            region: fields.typed(index, "region", region, is_region)?,
            profile: fields.line(index, "profile")?,
            restart: fields.typed(index, "restart", RESTART, RestartCommand::is_complete)?,
            local: LocalSettings::read(fields, index)?,
        })
    }

    /// Whether the entry says where its endpoint is, so that it is not started for the run. Behind gRPC, a host name that
    /// is no more than a name can be that of a function to start.
    pub fn is_elsewhere(&self, hostname: &str) -> bool {
        match self.protocol {
            Protocol::Lambda => {
                self.endpoint_url.is_some() || self.region.is_some() || self.profile.is_some()
            }
            Protocol::Greeter | Protocol::Executor => {
                let is_host = hostname.contains(['.', ':']) || hostname.eq_ignore_ascii_case("localhost");
                is_host || self.port.is_some() || self.tls
            }
        }
    }

    /// Host and port of a function behind gRPC whose entry tells the port.
    pub(super) fn server(&self, hostname: &str) -> Option<String> {
        let is_bare_ipv6 = hostname.contains(':') && !hostname.starts_with('[');
        let host = if is_bare_ipv6 { format!("[{hostname}]") } else { hostname.to_owned() };
        self.port.map(|port| format!("{host}:{port}"))
    }

    /// A short name of a place that the entry gives: host and port, the region and the profile, as far as they are there.
    pub(super) fn short_name(&self, hostname: &str) -> Option<String> {
        if let Some(server) = self.server(hostname) {
            return Some(server);
        }
        let Self { endpoint_url, region, profile, .. } = self;
        let server = endpoint_url.as_deref().and_then(host_and_port);
        let parts: Vec<_> =
            [server.as_ref(), region.as_ref(), profile.as_ref()].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.into_iter().map(String::as_str).collect::<Vec<_>>().join("-"))
    }
}

/// The protocol of an entry that tells none. No name of a Lambda function has a dot, and all those of vSwarm's functions on
/// Knative have one.
fn usual_protocol(hostname: &str) -> Protocol {
    if hostname.contains('.') { Protocol::Greeter } else { Protocol::Lambda }
}

/// A key that an endpoint with this protocol does not have would be ignored.
fn check_keys(fields: &Fields<'_>, index: usize, protocol: Protocol) -> Result<(), ContentError> {
    let (keys, kind) = match protocol {
        Protocol::Lambda => (OF_GRPC.as_slice(), "a Lambda function"),
        Protocol::Greeter | Protocol::Executor => (OF_LAMBDA.as_slice(), "a function behind gRPC"),
    };
    let is_given = |key: &&&'static str| fields.raw(key).is_some_and(|raw| raw != "null");
    match keys.iter().find(is_given) {
        Some(key) => Err(ContentError::Misplaced { index, key, kind }),
        None => Ok(()),
    }
}

impl RestartCommand {
    fn is_complete(&self) -> bool {
        let is_word = |word: &String| !word.contains('\0');
        self.command.first().is_some_and(|program| !program.is_empty()) && self.command.iter().all(is_word)
    }
}

impl LocalSettings {
    fn read(fields: &Fields<'_>, index: usize) -> Result<Self, ContentError> {
        let expected = "a whole number from 128 to 10240";
        let memory_mb = fields.typed(index, "memory_mb", expected, |mb| MEMORY_MB.contains(mb))?;
        let image = fields.typed(index, "image", "the name of a Docker image", is_image_name)?;
        let is_path = |text: &String| !text.is_empty() && !text.contains('\0');
        let program = fields.typed(index, "program", "the name or the path of a program", is_path)?;
        let source = match (program, image) {
            (Some(_), Some(_)) => {
                return Err(ContentError::Both { index, first: "program", second: "image" });
            }
            (Some(program), None) => Some(LocalSource::Program(program)),
            (None, image) => image.map(LocalSource::Image),
        };
        Ok(Self { memory_mb, source })
    }

    /// The key that an entry gives of those that are for a function that is started for the run.
    pub fn given_key(&self) -> Option<&'static str> {
        match (&self.source, self.memory_mb) {
            (Some(LocalSource::Program(_)), _) => Some("program"),
            (Some(LocalSource::Image(_)), _) => Some("image"),
            (None, Some(_)) => Some("memory_mb"),
            (None, None) => None,
        }
    }
}

/// Host and port of an address, the port if it is given; `None` if it is not the address of a server.
fn host_and_port(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let host = uri.host().filter(|_| matches!(uri.scheme_str(), Some("http" | "https")))?;
    Some(uri.port_u16().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

/// As lambda-local allows.
#[expect(clippy::ptr_arg, reason = "it checks what a field was read as")]
fn is_image_name(name: &String) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:/@".contains(&b))
}
