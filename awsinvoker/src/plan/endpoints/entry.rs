//! One entry of an endpoints file.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use run_record::run_info::Protocol;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::ContentError;
use super::fields::Fields;
use super::place::Place;
use super::template::{self, PayloadTemplate};

/// The payload of an entry that has none: the only one that the original invoker ever sent.
pub const DEFAULT_PAYLOAD: &str = r#"{"num_of_rows":1,"num_of_cols":3}"#;

/// What vSwarm's invoker sends, for entries of its own files.
const VSWARM_PAYLOAD: &str = r#""Invoke relay""#;

/// The greatest payload of a call that is waited for, in bytes, on Lambda.
pub const MAX_PAYLOAD_BYTES: usize = 6 << 20;

/// The greatest payload of an asynchronous call, in bytes, on Lambda.
pub const MAX_ASYNCHRONOUS_PAYLOAD_BYTES: usize = 1 << 20;

const MAX_WEIGHT: u64 = 1000;

/// One thing to call with one payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The unique name under which results are published: the label, or the host name with the port or the system that the
    /// entry tells, numbered if it is called in several ways.
    pub name: String,
    /// Whom to call, with the qualifier.
    pub hostname: String,
    /// The JSON document to send; with a template, the one that it fills.
    pub payload: String,
    /// What fills the payload for each call anew, if it has placeholders.
    pub template: Option<PayloadTemplate>,
    /// Whether the call is asynchronous: it ends when it is accepted, and its completion is not seen.
    pub asynchronous: bool,
    /// Where it is.
    pub place: Place,
    /// Which function it is, for a comparison of systems. Without it, the platform tells.
    pub function: Option<String>,
    /// Which of the compared systems it belongs to: a short name of its place, if the entry gives one. Without it, the
    /// platform tells.
    pub system: Option<String>,
}

impl Endpoint {
    /// A function that is called with this JSON document and waited for.
    pub fn new(hostname: &str, payload: &str) -> Self {
        Self {
            name: hostname.to_owned(),
            hostname: hostname.to_owned(),
            payload: payload.to_owned(),
            template: None,
            asynchronous: false,
            place: Place::default(),
            function: None,
            system: None,
        }
    }

    /// Whether its entry says where it is, so that it is not started for the run.
    pub fn is_elsewhere(&self) -> bool {
        self.place.is_elsewhere(&self.hostname)
    }

    /// What the call of this number sends.
    pub fn payload_of(&self, number: u64) -> Cow<'_, str> {
        match &self.template {
            None => Cow::Borrowed(&self.payload),
            Some(template) => Cow::Owned(template.filled(number)),
        }
    }

    /// How long the call of this number asks an executor to be busy, in milliseconds. Others are not asked.
    pub(crate) fn requested_ms(&self, number: u64) -> Option<u32> {
        #[derive(Deserialize)]
        struct Asked {
            runtime_ms: u32,
        }
        if self.place.protocol != Protocol::Executor {
            return None;
        }
        let asked: Asked = serde_json::from_str(&self.payload_of(number)).ok()?;
        Some(asked.runtime_ms)
    }

    /// Whether both are the same, whatever their names.
    pub(super) fn is_same_call(&self, other: &Self) -> bool {
        let Self { name: _, hostname, payload, template, asynchronous, place, function, system } = other;
        (&self.hostname, &self.payload, &self.asynchronous) == (hostname, payload, asynchronous)
            && (&self.template, &self.place) == (template, place)
            && (&self.function, &self.system) == (function, system)
    }
}

/// Reads the file that `payload_file` names.
pub(super) type ReadPayload<'a> = &'a mut dyn FnMut(&Path) -> io::Result<String>;

/// What an entry says.
pub(super) struct Entry {
    /// Its name is the label; without one, the name may have to be numbered.
    pub(super) endpoint: Endpoint,
    pub(super) has_label: bool,
    pub(super) has_default_payload: bool,
    pub(super) weight: u64,
}

impl Entry {
    /// Reads the entry at this position.
    pub(super) fn read(
        fields: &Fields<'_>,
        index: usize,
        read_payload: ReadPayload<'_>,
    ) -> Result<Self, ContentError> {
        let hostname = hostname(fields, index)?;
        let asynchronous = fields.typed(index, "eventing", "true or false", |_| true)?.unwrap_or(false);
        let any = |_: &BTreeMap<String, &RawValue>| true;
        fields.typed(index, "matchers", "an object or null", any)?;
        let label = fields.line(index, "label")?;
        let place = Place::read(fields, index, &hostname)?;
        if asynchronous && place.protocol != Protocol::Lambda {
            return Err(ContentError::Eventing { index });
        }
        let system = fields.line(index, "system")?.or_else(|| place.short_name(&hostname));
        let in_range = |weight: &u64| (1..=MAX_WEIGHT).contains(weight);
        let weight = fields.typed(index, "weight", "a whole number from 1 to 1000", in_range)?.unwrap_or(1);
        // An entry that tells no protocol, but has a host of Knative, is vSwarm's.
        let is_of_vswarm = place.protocol == Protocol::Greeter && fields.raw("protocol").is_none();
        let payload = payload(fields, index, read_payload)?;
        let payload = payload.or_else(|| is_of_vswarm.then(|| VSWARM_PAYLOAD.to_owned()));
        if place.protocol == Protocol::Executor && payload.is_none() {
            return Err(ContentError::NoPayload { index });
        }
        let has_default_payload = payload.is_none();
        let payload = payload.unwrap_or_else(|| DEFAULT_PAYLOAD.to_owned());
        let template = template(fields, index, &payload)?;
        check_size(index, asynchronous, template.as_ref().map_or(payload.len(), PayloadTemplate::max_bytes))?;
        Ok(Self {
            has_label: label.is_some(),
            has_default_payload,
            endpoint: Endpoint {
                name: label.unwrap_or_else(|| default_name(&hostname, system.as_deref(), &place)),
                payload,
                template,
                asynchronous,
                place,
                function: fields.line(index, "function")?,
                system,
                hostname,
            },
            weight,
        })
    }
}

/// The name of an endpoint without a label, which tells where it is as far as the entry says so.
fn default_name(hostname: &str, system: Option<&str>, place: &Place) -> String {
    match system {
        Some(system) if place.server(hostname).is_some_and(|server| server == system) => system.to_owned(),
        Some(system) => format!("{hostname}@{system}"),
        None => hostname.to_owned(),
    }
}

/// With the qualifier.
fn hostname(fields: &Fields<'_>, index: usize) -> Result<String, ContentError> {
    let text = "a string that is not empty";
    let not_empty = |text: &String| !text.is_empty();
    let hostname: Option<String> = fields.typed(index, "hostname", text, |_| true)?;
    let hostname = hostname.filter(not_empty).ok_or(ContentError::NoHostname { index })?;
    Ok(match fields.typed(index, "qualifier", text, not_empty)? {
        Some(qualifier) => format!("{hostname}:{qualifier}"),
        None => hostname,
    })
}

fn payload(fields: &Fields<'_>, index: usize, read: ReadPayload<'_>) -> Result<Option<String>, ContentError> {
    let path: Option<String> = fields.typed(index, "payload_file", "the name of a file", |_| true)?;
    let payload = fields.raw("payload").map(str::to_owned);
    let Some(path) = path else { return Ok(payload) };
    if payload.is_some() {
        return Err(ContentError::Both { index, first: "payload", second: "payload_file" });
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

/// The text without the mark that some editors put before it.
pub(super) fn without_bom(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// What fills the payload, if the entry has values for it.
fn template(
    fields: &Fields<'_>,
    index: usize,
    payload: &str,
) -> Result<Option<PayloadTemplate>, ContentError> {
    let values = fields.raw(template::KEY).filter(|values| *values != "null");
    let template = values.map(|values| PayloadTemplate::parse(payload, values)).transpose();
    template.map_err(|source| ContentError::Template { index, source })
}

/// `bytes` is the greatest size that a payload of the entry can have.
fn check_size(index: usize, asynchronous: bool, bytes: usize) -> Result<(), ContentError> {
    let (limit, how) = if asynchronous {
        (MAX_ASYNCHRONOUS_PAYLOAD_BYTES, "asynchronous calls")
    } else {
        (MAX_PAYLOAD_BYTES, "calls that are waited for")
    };
    if bytes > limit { Err(ContentError::TooLarge { index, bytes, limit, how }) } else { Ok(()) }
}
