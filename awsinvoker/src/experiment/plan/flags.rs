//! The table `[run]` of a plan: the flags of each run.

use std::path::Path;

use run_record::{Threshold, units};
use toml::de::DeValue;

use super::fields::{FieldError, Fields};
use super::values::{number, text, time_ns, whole};

/// What a key of `[run]` takes.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Switch,
    Whole,
    Number,
    Time,
    Text,
    /// The path of a file, relative to the folder of the plan.
    File,
    /// A flag for each text.
    Texts,
    /// A flag `KEY=VALUE` for each pair.
    Pairs,
}

/// The keys with their flags. Those that the plan says otherwise are left out: how long a run is, at what rate, with what
/// seed, and where its files go.
const FLAGS: [(&str, &str, Kind); 31] = [
    ("arrivals", "--arrivals", Kind::Text),
    ("connections", "--connections", Kind::Text),
    ("endpoint_url", "--endpoint-url", Kind::Text),
    ("env", "--env", Kind::Pairs),
    ("expect_duration", "--expect-duration", Kind::Time),
    ("format", "--format", Kind::Texts),
    ("http", "--http", Kind::Text),
    ("images", "--images", Kind::Switch),
    ("instances", "--instances", Kind::Whole),
    ("local", "--local", Kind::Switch),
    ("max_cost", "--max-cost", Kind::Number),
    ("max_in_flight", "--max-in-flight", Kind::Whole),
    ("no_preflight", "--no-preflight", Kind::Switch),
    ("order", "--order", Kind::Text),
    ("port", "--port", Kind::Whole),
    ("preflight", "--preflight", Kind::Switch),
    ("prewarm", "--prewarm", Kind::Whole),
    ("prices", "--prices", Kind::File),
    ("profile", "--profile", Kind::Text),
    ("region", "--region", Kind::Text),
    ("require_idle", "--require-idle", Kind::Text),
    ("require_idle_within", "--require-idle-within", Kind::Time),
    ("restart_every", "--restart-every", Kind::Time),
    ("scheduling", "--scheduling", Kind::Text),
    ("spin", "--spin", Kind::Text),
    ("thresholds", "--threshold", Kind::Texts),
    ("timeout", "--timeout", Kind::Time),
    ("unlike", "--unlike", Kind::Switch),
    ("warm_connections", "--warm-connections", Kind::Whole),
    ("warm_up", "--warm-up", Kind::Time),
    ("workers", "--workers", Kind::Whole),
];

/// A flag of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flag {
    /// Its name with dashes.
    pub(crate) name: &'static str,
    /// Its value, if it takes one.
    pub(crate) value: Option<String>,
    /// The line of the plan that sets it, from 1.
    pub(crate) line: usize,
}

impl Flag {
    /// The name of the endpoint that a threshold is about, if this is one and it is about a single one.
    pub(crate) fn endpoint(&self) -> Option<String> {
        let text = self.value.as_ref().filter(|_| self.name == "--threshold")?;
        text.parse::<Threshold>().ok()?.endpoint().map(str::to_owned)
    }
}

/// Reads the flags. Files are relative to `folder`.
pub(super) fn read(fields: &mut Fields<'_>, folder: &Path) -> Result<Vec<Flag>, FieldError> {
    let mut flags = Vec::new();
    for (key, name, kind) in FLAGS {
        let Some(field) = fields.take(key) else { continue };
        let values = values(kind, field.value, folder);
        let values = values.ok_or_else(|| fields.wrong(&field, expected(kind)))?;
        flags.extend(values.into_iter().map(|value| Flag { name, value, line: field.line }));
    }
    Ok(flags)
}

/// The value of each flag that a value stands for; `None` if it is of another kind.
fn values(kind: Kind, value: &DeValue<'_>, folder: &Path) -> Option<Vec<Option<String>>> {
    let one = |value: String| vec![Some(value)];
    match kind {
        Kind::Switch => value.as_bool().map(|is_set| if is_set { vec![None] } else { Vec::new() }),
        Kind::Whole => whole(value).map(|number| one(number.to_string())),
        Kind::Number => number(value).map(one),
        Kind::Time => time_ns(value).map(|ns| one(units::s(ns).to_string())),
        Kind::Text => text(value).map(one),
        Kind::File => text(value).map(|path| one(folder.join(path).to_string_lossy().into_owned())),
        Kind::Texts => {
            let texts = value.as_array()?.iter();
            texts.map(|item| text(item.get_ref()).map(Some)).collect()
        }
        Kind::Pairs => {
            let pairs = value.as_table()?.iter();
            pairs
                .map(|(key, value)| Some(Some(format!("{}={}", key.get_ref(), value.get_ref().as_str()?))))
                .collect()
        }
    }
}

fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::Switch => "true or false",
        Kind::Whole => "a whole number from 0",
        Kind::Number => "a number",
        Kind::Time => "a time with its unit, such as \"30s\", \"500ms\" or \"10m\"",
        Kind::Text => "a text",
        Kind::File => "the name of a file",
        Kind::Texts => "an array of texts",
        Kind::Pairs => "a table of texts",
    }
}
