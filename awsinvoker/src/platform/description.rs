//! How `run.json` describes a platform.

use run_record::run_info::{ConnectionInfo, DockerInfo, FunctionInfo, LocalInfo};

/// What `run.json` says of a platform.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    /// The platform and its address, for people.
    pub(crate) target: String,
    /// The local Lambda that was started for the run.
    pub(crate) local: Option<LocalInfo>,
    /// The Docker that it uses.
    pub(crate) docker: Option<DockerInfo>,
    /// What is known of the functions.
    pub(crate) functions: Vec<FunctionInfo>,
    /// `KEY=VALUE` for the functions of a local Lambda that was started for the run.
    pub(crate) env: Vec<String>,
    /// How it is connected to.
    pub(crate) connection: ConnectionInfo,
    /// Name and version of each library that speaks to the platform.
    pub(crate) versions: Vec<(String, String)>,
}
