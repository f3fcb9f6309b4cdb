//! How `run.json` describes a platform.

use run_record::run_info::{ConnectionInfo, FunctionInfo};

/// What `run.json` says of a platform.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    /// The platform and its address, for people.
    pub(crate) target: String,
    /// The functions of a local Lambda that was started for the run.
    pub(crate) functions: Vec<FunctionInfo>,
    /// `KEY=VALUE` for those functions.
    pub(crate) env: Vec<String>,
    /// How it is connected to.
    pub(crate) connection: ConnectionInfo,
    /// Name and version of each library that speaks to the platform.
    pub(crate) versions: Vec<(String, String)>,
}
