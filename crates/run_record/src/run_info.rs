//! How a run was made: what `run.json` holds, so that the run can be made again.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The version of the layout of `run.json`. It changes when a key changes its meaning or goes.
pub const SCHEMA: u32 = 1;

/// How a run was made.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "How an awsinvoker run was made", deny_unknown_fields)]
pub struct RunInfo {
    /// Version of this layout.
    pub schema: u32,
    /// The time in UTC from which all times of the run count.
    pub start: String,
    /// The program and its arguments.
    pub command_line: Vec<String>,
    /// What the command line and the endpoints file came to.
    pub configuration: Configuration,
    /// Versions of the load generator and of the libraries that speak to the platform, by name.
    pub versions: BTreeMap<String, String>,
    /// The machine of the load generator.
    pub machine: Machine,
}

/// What was loaded, and how.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Configuration {
    /// The platform and its address, for people.
    pub target: String,
    /// The functions of a local Lambda that was started for the run.
    pub functions: Vec<FunctionInfo>,
    /// `KEY=VALUE` for those functions.
    pub env: Vec<String>,
    /// What was called.
    pub endpoints: Vec<EndpointInfo>,
    /// Rate that was asked for, over all endpoints, in requests a second.
    pub rps: f64,
    /// Length of the schedule in seconds.
    pub time_s: f64,
    /// How requests follow one another.
    pub arrivals: Arrivals,
    /// What random arrivals are drawn from.
    pub seed: u64,
    /// Number of requests; with random arrivals only the expected number.
    pub expected_requests: u64,
    /// What a call may take before it counts as timed out, in seconds.
    pub timeout_s: f64,
    /// Calls in flight at once.
    pub max_in_flight: u32,
    /// How the platform was connected to.
    pub connection: ConnectionInfo,
}

/// How a platform was connected to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ConnectionInfo {
    /// The version of HTTP.
    pub http: String,
    /// Whether connections were used again.
    pub reuse: Connections,
    /// Connections that were made before the start.
    pub warm_connections: u32,
}

/// Whether connections are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Connections {
    /// A call takes an idle connection, or makes one.
    Pooled,
    /// A call makes a connection, and closes it.
    PerCall,
}

/// How requests follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// At equal distances, the first at 0.
    Constant,
    /// At exponentially distributed distances, drawn from the seed.
    Poisson,
}

/// A function of a local Lambda.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FunctionInfo {
    /// Its name.
    pub name: String,
    /// What runs it.
    #[serde(flatten)]
    pub program: ProgramInfo,
}

/// What runs a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ProgramInfo {
    /// A program.
    Executable {
        /// Its path.
        executable: String,
    },
    /// A Docker image.
    Image {
        /// Its name.
        image: String,
        /// Which image the name meant.
        image_id: Option<String>,
    },
}

/// One thing that was called with one payload.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct EndpointInfo {
    /// Name, unique in the run.
    pub name: String,
    /// Whom it called.
    pub hostname: String,
    /// Whether calls were asynchronous.
    pub asynchronous: bool,
    /// The JSON document that was sent, as it was written.
    pub payload: Box<RawValue>,
    /// Its entries among all entries of the endpoints file, from 0 to 1.
    pub share: f64,
}

/// What the numbers of a run depend on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Machine {
    /// The processor's name, if the system tells it.
    pub cpu: Option<String>,
    /// Cores that the load generator may use.
    pub cores: Option<usize>,
    /// Memory in KiB.
    pub memory_kib: Option<u64>,
    /// Kernel name, release and architecture.
    pub kernel: String,
}

impl RunInfo {
    /// The names of the endpoints, in order.
    pub fn endpoint_names(&self) -> Vec<String> {
        self.configuration.endpoints.iter().map(|endpoint| endpoint.name.clone()).collect()
    }
}

/// A run of `f` and `g` on a local Lambda.
#[cfg(test)]
pub(crate) fn test_run_info() -> RunInfo {
    let endpoint = |name: &str, payload: &str| EndpointInfo {
        name: name.to_owned(),
        hostname: name.to_owned(),
        asynchronous: false,
        payload: serde_json::from_str(payload).expect("it is JSON"),
        share: 0.5,
    };
    let image = ProgramInfo::Image { image: "g:latest".to_owned(), image_id: Some("sha256:1".to_owned()) };
    RunInfo {
        schema: SCHEMA,
        start: "2023-11-14T22:13:20.000Z".to_owned(),
        command_line: vec!["awsinvoker".to_owned(), "--local".to_owned()],
        configuration: Configuration {
            target: "lambda-local at http://127.0.0.1:9000".to_owned(),
            functions: vec![
                FunctionInfo {
                    name: "f".to_owned(),
                    program: ProgramInfo::Executable { executable: "/f".to_owned() },
                },
                FunctionInfo { name: "g".to_owned(), program: image },
            ],
            env: vec!["A=1".to_owned()],
            endpoints: vec![
                endpoint("f", r#"{"n": 1180591620717411303424, "a": [1.0, null]}"#),
                endpoint("g", "null"),
            ],
            rps: 300.0,
            time_s: 10.0,
            arrivals: Arrivals::Poisson,
            seed: 7,
            expected_requests: 3000,
            timeout_s: 60.0,
            max_in_flight: 1000,
            connection: ConnectionInfo {
                http: "1.1".to_owned(),
                reuse: Connections::Pooled,
                warm_connections: 2,
            },
        },
        versions: BTreeMap::from([("awsinvoker".to_owned(), "0.1.0".to_owned())]),
        machine: Machine { cpu: None, cores: Some(2), memory_kib: Some(1), kernel: "Linux".to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::json;

    #[test]
    fn payloads_are_kept_as_they_are_written() {
        let text = json::write(&test_run_info()).unwrap();
        let read: RunInfo = json::read(text.as_slice(), SCHEMA).unwrap();
        assert_eq!(
            read.configuration.endpoints[0].payload.get(),
            r#"{"n": 1180591620717411303424, "a": [1.0, null]}"#
        );
        assert_eq!(read.configuration.endpoints[1].payload.get(), "null");
        assert_eq!(read.endpoint_names(), ["f", "g"]);
    }

    proptest! {
        #[test]
        fn infos_read_back(command_line in prop::collection::vec(".*", 0..4), rps in 0.001..1e5_f64, seed: u64) {
            let mut info = RunInfo { command_line, ..test_run_info() };
            info.configuration.rps = rps;
            info.configuration.seed = seed;
            let text = json::write(&info).unwrap();
            let read: RunInfo = json::read(text.as_slice(), SCHEMA).unwrap();
            prop_assert_eq!(json::write(&read).unwrap(), text);
        }
    }
}
