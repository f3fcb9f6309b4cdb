//! How `run.json` describes where the functions are.

use run_record::run_info::{ConnectionInfo, Connections, FunctionInfo, TargetInfo};

/// Variables whose names hold one of these words may be secrets, and what a run leaves behind gets published.
const SECRET: [&str; 6] = ["KEY", "SECRET", "TOKEN", "PASSWORD", "CREDENTIAL", "AUTH"];

/// What `run.json` says of one target.
#[derive(Clone, Debug)]
pub(crate) struct TargetDescription {
    /// The target itself.
    pub(crate) target: TargetInfo,
    /// What is known of its functions. The index of the target is not known here.
    pub(crate) functions: Vec<FunctionInfo>,
    /// What is called at it, in the order of its endpoints.
    pub(crate) endpoints: Vec<EndpointDescription>,
    /// Name and version of each library that speaks to it.
    pub(crate) versions: Vec<(String, String)>,
}

/// What an endpoint is, for a comparison of systems.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EndpointDescription {
    /// The index of its target.
    pub(crate) target: usize,
    /// Which function it is.
    pub(crate) function: String,
    /// Which of the compared systems it belongs to.
    pub(crate) system: String,
    /// Whether AWS itself is called, which bills the calls.
    pub(crate) on_aws: bool,
}

/// What `run.json` says of all targets together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Description {
    /// Where the endpoints are.
    pub(crate) targets: Vec<TargetInfo>,
    /// What is known of the functions.
    pub(crate) functions: Vec<FunctionInfo>,
    /// What each endpoint of the plan is.
    pub(crate) endpoints: Vec<EndpointDescription>,
    /// Name and version of each library that speaks to a platform.
    pub(crate) versions: Vec<(String, String)>,
}

/// A variable of a function: with its value, unless its name speaks of a secret.
pub(super) fn variable(key: &str, value: &str) -> String {
    let name = key.to_ascii_uppercase();
    if SECRET.iter().any(|word| name.contains(word)) { key.to_owned() } else { format!("{key}={value}") }
}

/// How a target is connected to.
pub(super) fn connection_info(http: &str, pooled: bool, warm_connections: u32) -> ConnectionInfo {
    let reuse = if pooled { Connections::Pooled } else { Connections::PerCall };
    ConnectionInfo { http: http.to_owned(), reuse, warm_connections }
}

impl Description {
    /// Describes a plan of this many endpoints. Nothing is known yet.
    pub(super) fn of_endpoints(count: usize) -> Self {
        Self { endpoints: vec![EndpointDescription::default(); count], ..Self::default() }
    }

    /// Adds a target, at which the endpoints of these indices are.
    pub(super) fn add(&mut self, description: TargetDescription, endpoints: &[usize]) {
        let index = self.targets.len();
        self.targets.push(description.target);
        let functions = description.functions.into_iter();
        self.functions.extend(functions.map(|function| FunctionInfo { target: index, ..function }));
        for (&endpoint, described) in endpoints.iter().zip(description.endpoints) {
            self.endpoints[endpoint] = EndpointDescription { target: index, ..described };
        }
        self.versions.extend(description.versions);
    }
}
