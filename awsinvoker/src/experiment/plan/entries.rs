//! The systems and the functions of a plan, and the entries of the endpoints file that they make: one for each function on
//! each system.

use std::collections::BTreeMap;
use std::path::Path;

use run_record::run_info::Protocol;

use super::error::PlanError;
use super::fields::{Field, FieldError, Fields};
use super::values::{is_line, json, json_string};
use crate::plan::endpoints::{self, Endpoint, KNOWN_KEYS, MAX_PAYLOAD_BYTES};
use crate::plan::read_bounded;
use crate::platform::SizedVersions;

/// Keys of an entry that follow from the names in the plan.
const FROM_NAMES: [&str; 3] = ["function", "label", "system"];
/// Keys of an entry that have to be the same on all systems: so that these get the same load.
const OF_FUNCTIONS: [&str; 5] = ["eventing", "payload", "payload_file", "payload_values", "weight"];
/// The key that other tools' files have.
const IGNORED: &str = "matchers";
/// The key of the tables that say what a function has on one system.
const ON: &str = "on";

/// Keys of an entry with their values as JSON.
pub(super) type Keys = Vec<(String, String)>;

/// One of the compared systems.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct System {
    pub(super) name: String,
    pub(super) keys: Keys,
}

/// A function that is called on each system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Function {
    name: String,
    /// The line of the plan on which it begins.
    line: usize,
    keys: Keys,
    /// What differs on a system, by the system's name.
    on: BTreeMap<String, Keys>,
}

/// An entry of the endpoints file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlannedEntry {
    /// The system that it calls.
    pub(crate) system: String,
    /// The entry as the file has it.
    pub(crate) json: String,
    /// How often it is called in a round.
    pub(crate) slots: usize,
    /// What it calls.
    pub(crate) endpoint: Endpoint,
    /// The function whose version of this memory in MB it calls, if that is made for the experiment.
    pub(crate) sized: Option<(String, u32)>,
}

/// Reads `[systems]`.
pub(super) fn systems(text: &str, fields: Fields<'_>) -> Result<Vec<System>, FieldError> {
    let system = |(name, mut fields): (&str, Fields<'_>)| {
        check_name(&fields, name)?;
        let keys = keys(text, &mut fields, |key| !OF_FUNCTIONS.contains(&key))?;
        fields.finish()?;
        Ok(System { name: name.to_owned(), keys })
    };
    fields.into_tables()?.into_iter().map(system).collect()
}

/// Reads `[functions]`. `systems` are those of the plan.
pub(super) fn functions(
    text: &str,
    fields: Fields<'_>,
    systems: &[System],
) -> Result<Vec<Function>, FieldError> {
    let function = |(name, mut fields): (&str, Fields<'_>)| {
        check_name(&fields, name)?;
        let keys = keys(text, &mut fields, |_| true)?;
        let line = fields.line();
        let on = fields.table(ON)?.map_or(Ok(BTreeMap::new()), |on| on_systems(text, on, systems))?;
        fields.finish()?;
        Ok(Function { name: name.to_owned(), line, keys, on })
    };
    fields.into_tables()?.into_iter().map(function).collect()
}

fn on_systems(
    text: &str,
    fields: Fields<'_>,
    systems: &[System],
) -> Result<BTreeMap<String, Keys>, FieldError> {
    let on = |(name, mut fields): (&str, Fields<'_>)| {
        if !systems.iter().any(|system| system.name == name) {
            let names: Vec<_> = systems.iter().map(|system| system.name.as_str()).collect();
            return Err(fields.wrong_name(&format!("a name of [systems]: {}", names.join(", "))));
        }
        let keys = keys(text, &mut fields, |key| !OF_FUNCTIONS.contains(&key))?;
        fields.finish()?;
        Ok((name.to_owned(), keys))
    };
    fields.into_tables()?.into_iter().map(on).collect()
}

fn check_name(fields: &Fields<'_>, name: &str) -> Result<(), FieldError> {
    if is_line(name) { Ok(()) } else { Err(fields.wrong_name("a name of 1 to 100 characters on one line")) }
}

/// Takes the keys of an entry that may stand here.
fn keys(text: &str, fields: &mut Fields<'_>, may_stand: fn(&str) -> bool) -> Result<Keys, FieldError> {
    let allowed = KNOWN_KEYS.into_iter().filter(|key| *key != IGNORED && !FROM_NAMES.contains(key));
    let mut keys = Vec::new();
    for key in allowed.filter(|key| may_stand(key)) {
        let Some(field) = fields.take(key) else { continue };
        keys.push((key.to_owned(), value(text, fields, &field)?));
    }
    Ok(keys)
}

fn value(text: &str, fields: &Fields<'_>, field: &Field<'_>) -> Result<String, FieldError> {
    json(text, field.value)
        .ok_or_else(|| fields.wrong(field, "a value that JSON has too, so no date, `inf` or `nan`"))
}

/// A system as the plan has it, or one of several that the plan makes of it.
#[derive(Clone, Debug)]
pub(super) struct Arm<'a> {
    /// The name in the results.
    pub(super) name: String,
    pub(super) system: &'a System,
    /// What is added to the names of functions that are started for the run, so that arms share no environment.
    pub(super) suffix: Option<String>,
    /// The memory of the functions in MB, if the plan compares several sizes.
    pub(super) memory_mb: Option<u32>,
}

/// What a function is started from for the run, if its entry says neither that nor where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Started {
    /// It is not started.
    Nowhere,
    /// From the program of its name.
    Program,
    /// From the image of its name.
    Image,
}

impl Function {
    /// The entry of this function on an arm. Files and programs are relative to `folder`.
    pub(super) fn entry(
        &self,
        arm: &Arm<'_>,
        started: Started,
        folder: &Path,
    ) -> Result<PlannedEntry, PlanError> {
        let mut keys = vec![
            ("hostname".to_owned(), json_string(&self.name)),
            ("label".to_owned(), json_string(&format!("{}@{}", self.name, arm.name))),
            ("function".to_owned(), json_string(&self.name)),
            ("system".to_owned(), json_string(&arm.name)),
        ];
        let on = self.on.get(&arm.system.name).into_iter().flatten();
        for (key, value) in self.keys.iter().chain(&arm.system.keys).chain(on) {
            set(&mut keys, key, value.clone());
        }
        make_program_absolute(&mut keys, folder);
        let plain = self.read(arm, &keys, folder)?;
        let is_started = started != Started::Nowhere && !plain.endpoint.is_elsewhere();
        match (&arm.suffix, arm.memory_mb) {
            (Some(suffix), memory_mb) if is_started => {
                rename(&mut keys, &plain.endpoint, suffix, started);
                memory_mb.into_iter().for_each(|mb| set(&mut keys, "memory_mb", mb.to_string()));
            }
            (_, Some(memory_mb)) if plain.endpoint.place.protocol == Protocol::Lambda => {
                set(&mut keys, "qualifier", json_string(&SizedVersions::alias(memory_mb)));
                let sized = self.read(arm, &keys, folder)?;
                return Ok(PlannedEntry { sized: Some((plain.endpoint.hostname, memory_mb)), ..sized });
            }
            (_, Some(_)) => {
                return Err(PlanError::NoSizes { line: self.line, function: self.name.clone() });
            }
            _ => return Ok(plain),
        }
        self.read(arm, &keys, folder)
    }

    /// Reads an entry as the endpoints file is read.
    fn read(&self, arm: &Arm<'_>, keys: &Keys, folder: &Path) -> Result<PlannedEntry, PlanError> {
        let mut read_payload = |file: &Path| read_bounded(&folder.join(file), MAX_PAYLOAD_BYTES as u64);
        let parsed = endpoints::parse(&format!("[{}]", object(keys)), &mut read_payload);
        let endpoints = parsed.map_err(|error| {
            let message = error.to_string();
            let message = message.strip_prefix("entry 0: ").unwrap_or(&message).to_owned();
            let (function, system) = (self.name.clone(), arm.name.clone());
            PlanError::Entry { line: self.line, function, system, message }
        })?;
        let slots = endpoints.slots.len();
        let endpoint = endpoints.list.into_iter().next().ok_or(PlanError::Few("function"))?;
        let mut keys = keys.clone();
        // The folder of an experiment holds all that is sent.
        if keys.iter().any(|(key, _)| key == "payload_file") {
            keys.retain(|(key, _)| key != "payload_file");
            set(&mut keys, "payload", endpoint.payload.clone());
        }
        Ok(PlannedEntry { system: arm.name.clone(), json: object(&keys), slots, endpoint, sized: None })
    }
}

/// The text of an endpoints file with these entries.
pub(crate) fn endpoints_file<'a>(entries: impl Iterator<Item = &'a PlannedEntry>) -> String {
    let entries: Vec<_> = entries.map(|entry| format!("  {}", entry.json)).collect();
    format!("[\n{}\n]\n", entries.join(",\n"))
}

/// Gives a function that is started for the run a name of its own, so that it is another one of the same program.
fn rename(keys: &mut Keys, endpoint: &Endpoint, suffix: &str, started: Started) {
    let hostname = &endpoint.hostname;
    if endpoint.place.local.source.is_none() {
        let (key, source) = match started {
            Started::Image => ("image", format!("{hostname}:latest")),
            Started::Program | Started::Nowhere => ("program", hostname.clone()),
        };
        set(keys, key, json_string(&source));
    }
    set(keys, "hostname", json_string(&format!("{hostname}-{suffix}")));
}

/// The endpoints file lies in another folder than the plan.
fn make_program_absolute(keys: &mut Keys, folder: &Path) {
    for (_, value) in keys.iter_mut().filter(|(key, _)| key == "program") {
        if let Ok(program) = serde_json::from_str::<String>(value)
            && program.contains('/')
        {
            *value = json_string(&folder.join(program).to_string_lossy());
        }
    }
}

/// Sets a key, in its place if it is there.
fn set(keys: &mut Keys, key: &str, value: String) {
    match keys.iter_mut().find(|(known, _)| known == key) {
        Some((_, old)) => *old = value,
        None => keys.push((key.to_owned(), value)),
    }
}

fn object(keys: &[(String, String)]) -> String {
    let pairs: Vec<_> = keys.iter().map(|(key, value)| format!("{}: {value}", json_string(key))).collect();
    format!("{{ {} }}", pairs.join(", "))
}
