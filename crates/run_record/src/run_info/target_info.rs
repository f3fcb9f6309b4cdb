//! Where the endpoints of a run were, and how they were connected to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A server that was called, and as whom. All endpoints at a target share its connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct TargetInfo {
    /// What kind of server it was.
    pub platform: PlatformKind,
    /// The address that was really called.
    pub address: String,
    /// The region that calls were signed for; null on a platform without regions.
    pub region: Option<String>,
    /// The profile in AWS's configuration files, if one was named.
    pub profile: Option<String>,
    /// The lambda-local that was started for the run; null if none was.
    pub local: Option<LocalInfo>,
    /// The addresses of the instances behind gRPC that were started before the run: `address` is the first of them. Empty if
    /// none was.
    pub instances: Vec<String>,
    /// The Docker that ran its images; null if none did, or it did not answer.
    pub docker: Option<DockerInfo>,
    /// `KEY=VALUE` for the functions that were started for the run.
    pub env: Vec<String>,
    /// How it was connected to.
    pub connection: ConnectionInfo,
}

/// A kind of platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlatformKind {
    /// AWS Lambda, or a server that speaks its Invoke API.
    Lambda,
    /// A server of functions behind gRPC.
    Grpc,
}

/// How an endpoint was called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// By Lambda's Invoke API.
    #[default]
    Lambda,
    /// By `helloworld.Greeter/SayHello` of vHive and vSwarm, over gRPC.
    Greeter,
    /// By `faas.Executor/Execute` of invitro, over gRPC.
    Executor,
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

/// The lambda-local that was started for a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct LocalInfo {
    /// Its version, if it told.
    pub version: Option<String>,
    /// Its program and its arguments.
    pub command_line: Vec<String>,
}

/// The Docker that ran the functions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct DockerInfo {
    /// Its version.
    pub version: String,
    /// How it stores images and containers.
    pub storage_driver: String,
}

impl TargetInfo {
    /// The target for people: where it is, and with which profile it was called.
    pub fn text(&self) -> String {
        let started = match self.instances.len() {
            0 if self.local.is_some() => "lambda-local at ".to_owned(),
            0 => String::new(),
            1 => "an instance at ".to_owned(),
            count => format!("{count} instances, the first at "),
        };
        let profile = self.profile.as_ref().map(|name| format!(" with the profile {name}"));
        // What is called over HTTP/1.1 goes without saying, and so does HTTP/2 behind gRPC.
        let is_asked_for = self.platform == PlatformKind::Lambda && self.connection.http == "2";
        let http = if is_asked_for { " over HTTP/2" } else { "" };
        format!("{started}{}{http}{}", self.address, profile.unwrap_or_default())
    }
}
