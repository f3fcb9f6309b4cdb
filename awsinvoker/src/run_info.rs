//! What `run.json` holds: all that is needed to make the run again.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::config::{Config, Place, Program};
use crate::machine::Machine;
use crate::schedule::Arrivals;
use crate::wall_clock;

/// The version of the layout of `run.json`.
const SCHEMA: u32 = 1;

/// What is being loaded, as far as it is known only once it runs.
#[derive(Clone, Debug, Default)]
pub struct Description {
    /// Where it is, for people.
    pub text: String,
    /// The id of the image of each function that is one.
    pub images: BTreeMap<String, String>,
}

/// How a run was made.
#[derive(Debug, Serialize)]
pub struct RunInfo<'a> {
    schema: u32,
    /// The time in UTC from which all times of the run count.
    start: String,
    command_line: &'a [String],
    configuration: Configuration<'a>,
    versions: Versions,
    machine: Machine,
}

#[derive(Debug, Serialize)]
struct Configuration<'a> {
    target: &'a str,
    functions: Vec<Function<'a>>,
    env: &'a [String],
    endpoints: Vec<EndpointInfo<'a>>,
    rps: f64,
    time_s: f64,
    arrivals: Arrivals,
    seed: u64,
    expected_requests: u64,
    timeout_s: f64,
    max_in_flight: u32,
}

#[derive(Debug, Serialize)]
struct Function<'a> {
    name: &'a str,
    #[serde(flatten)]
    program: ProgramInfo<'a>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum ProgramInfo<'a> {
    Executable {
        executable: String,
    },
    /// The id tells which image the name meant.
    Image {
        image: &'a str,
        image_id: Option<&'a str>,
    },
}

#[derive(Debug, Serialize)]
struct EndpointInfo<'a> {
    name: &'a str,
    hostname: &'a str,
    asynchronous: bool,
    payload: Option<&'a RawValue>,
    /// Its entries among all entries of the endpoints file.
    share: f64,
}

#[derive(Debug, Serialize)]
struct Versions {
    awsinvoker: &'static str,
    aws_sdk_lambda: &'static str,
}

impl<'a> RunInfo<'a> {
    /// Gathers it.
    pub fn new(
        config: &'a Config,
        target: &'a Description,
        command_line: &'a [String],
        start: SystemTime,
    ) -> Self {
        Self {
            schema: SCHEMA,
            start: wall_clock::rfc3339(start),
            command_line,
            configuration: Configuration::new(config, target),
            versions: Versions {
                awsinvoker: env!("CARGO_PKG_VERSION"),
                aws_sdk_lambda: aws_sdk_lambda::meta::PKG_VERSION,
            },
            machine: Machine::look(),
        }
    }
}

impl<'a> Configuration<'a> {
    fn new(config: &'a Config, target: &'a Description) -> Self {
        let (functions, env) = match &config.place {
            Place::Local(local) => (local.functions.as_slice(), local.env.as_slice()),
            Place::Endpoint | Place::Aws => Default::default(),
        };
        let functions = functions.iter();
        Self {
            target: &target.text,
            functions: functions.map(|(name, program)| function(name, program, target)).collect(),
            env,
            endpoints: endpoints(config),
            rps: config.schedule.rate.rps(),
            time_s: config.schedule.duration_ns as f64 / 1e9,
            arrivals: config.schedule.arrivals,
            seed: config.schedule.seed,
            expected_requests: config.schedule.expected(),
            timeout_s: config.lambda.timeout.as_secs_f64(),
            max_in_flight: config.max_in_flight,
        }
    }
}

fn function<'a>(name: &'a str, program: &'a Program, target: &'a Description) -> Function<'a> {
    let program = match program {
        Program::Executable(path) => ProgramInfo::Executable { executable: path.display().to_string() },
        Program::Image(image) => {
            ProgramInfo::Image { image, image_id: target.images.get(name).map(String::as_str) }
        }
    };
    Function { name, program }
}

fn endpoints(config: &Config) -> Vec<EndpointInfo<'_>> {
    let slots = &config.endpoints.slots;
    let entries = |index: usize| slots.iter().filter(|&&slot| slot == index).count();
    let endpoints = config.endpoints.list.iter().enumerate().map(|(index, endpoint)| EndpointInfo {
        name: &endpoint.name,
        hostname: &endpoint.hostname,
        asynchronous: endpoint.asynchronous,
        payload: serde_json::from_str(&endpoint.payload).ok(),
        share: entries(index) as f64 / slots.len() as f64,
    });
    endpoints.collect()
}
