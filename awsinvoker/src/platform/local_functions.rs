//! The functions that `--local` starts, from what the entries of the endpoints file say of them.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use run_record::run_info::Protocol;

use super::error::ConfigError;
use super::programs::{Programs, is_executable};
use crate::plan::endpoints::{Endpoints, LocalSource};

/// A function that a local Lambda serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LocalFunction {
    pub(super) name: String,
    pub(super) program: Program,
    /// Its memory in MB, if not the default of the local Lambda.
    pub(super) memory_mb: Option<u32>,
}

/// What a local Lambda runs a function from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Program {
    /// This program.
    Executable(PathBuf),
    /// The Docker image of this name.
    Image(String),
}

/// An endpoint of the plan that is to be started, and the name of its function.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) endpoint: usize,
    pub(super) function: &'a str,
}

/// What the entries say of one function. Each value has its entry.
struct Settings<'a> {
    function: &'a str,
    source: Option<(usize, &'a LocalSource)>,
    memory_mb: Option<(usize, u32)>,
}

/// The functions of the endpoints that are wanted, each once. With `images`, a function of which no entry says what it is
/// started from has the image of its name.
pub(super) fn resolve(
    endpoints: &Endpoints,
    wanted: &[Wanted<'_>],
    images: bool,
    programs: &Programs,
) -> Result<Vec<LocalFunction>, ConfigError> {
    let resolved = settings(endpoints, wanted)?.into_iter().map(|settings| {
        let name = settings.function;
        let program = match settings.source {
            Some((entry, LocalSource::Program(program))) => given(endpoints, entry, program, programs)?,
            Some((_, LocalSource::Image(image))) => Program::Image(image.clone()),
            None if images => Program::Image(format!("{name}:latest")),
            None => Program::Executable(programs.of_function(name)?),
        };
        let memory_mb = settings.memory_mb.map(|(_, mb)| mb);
        Ok(LocalFunction { name: name.to_owned(), program, memory_mb })
    });
    resolved.collect()
}

/// An endpoint that is not started has no settings for that: they would be ignored.
pub(super) fn check_not_local(endpoints: &Endpoints, index: usize) -> Result<(), ConfigError> {
    let place = &endpoints.list[index].place;
    let Some(key) = place.local.given_key() else { return Ok(()) };
    let expected = match place.protocol {
        Protocol::Lambda => "none of `endpoint_url`, `region` and `profile`",
        Protocol::Greeter | Protocol::Executor => {
            "neither `port` nor `tls`, and as `hostname` a name without a dot that is not localhost,"
        }
    };
    let path = endpoints.path.display().to_string();
    Err(ConfigError::NotLocal { path, index: endpoints.entry(index), key, expected })
}

/// What all entries together say of each function. They must not contradict one another.
fn settings<'a>(endpoints: &'a Endpoints, wanted: &[Wanted<'a>]) -> Result<Vec<Settings<'a>>, ConfigError> {
    let mut all: Vec<Settings<'a>> = Vec::new();
    for &Wanted { endpoint, function } in wanted {
        let (entry, local) = (endpoints.entry(endpoint), &endpoints.list[endpoint].place.local);
        let position = all.iter().position(|settings| settings.function == function);
        let position = position.unwrap_or_else(|| {
            all.push(Settings { function, source: None, memory_mb: None });
            all.len() - 1
        });
        let path = || endpoints.path.display().to_string();
        let differ = |first: (usize, String), second: String| ConfigError::Contradiction {
            path: path(),
            entries: [first.0, entry],
            function: function.to_owned(),
            values: [first.1, second],
        };
        let settings = &mut all[position];
        match (settings.source, &local.source) {
            (None, Some(source)) => settings.source = Some((entry, source)),
            (Some((first, known)), Some(source)) if known != source => {
                return Err(differ((first, source_text(known)), source_text(source)));
            }
            _ => {}
        }
        match (settings.memory_mb, local.memory_mb) {
            (None, Some(mb)) => settings.memory_mb = Some((entry, mb)),
            (Some((first, known)), Some(mb)) if known != mb => {
                return Err(differ((first, pair("memory_mb", known)), pair("memory_mb", mb)));
            }
            _ => {}
        }
    }
    Ok(all)
}

/// The program that an entry names.
fn given(
    endpoints: &Endpoints,
    entry: usize,
    program: &str,
    programs: &Programs,
) -> Result<Program, ConfigError> {
    let folder = endpoints.path.parent().unwrap_or(Path::new(""));
    let found = match program.contains('/') {
        true => Some(folder.join(program)).filter(|path| is_executable(path)),
        false => programs.named(program),
    };
    found.map(Program::Executable).ok_or_else(|| ConfigError::EntryProgram {
        path: endpoints.path.display().to_string(),
        index: entry,
        program: program.to_owned(),
    })
}

fn source_text(source: &LocalSource) -> String {
    match source {
        LocalSource::Program(program) => pair("program", program),
        LocalSource::Image(image) => pair("image", image),
    }
}

fn pair(key: &str, value: impl Display) -> String {
    format!("`{key}` {value}")
}
