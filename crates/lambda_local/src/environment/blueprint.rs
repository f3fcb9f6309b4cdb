//! What all environments of one function have in common.

use std::sync::Arc;
use std::time::Duration;

use crate::backend::Backend;
use crate::config::FunctionConfig;

/// A function, its limits, and what runs it.
#[derive(Debug)]
pub(crate) struct Blueprint {
    pub(crate) function: FunctionConfig,
    pub(crate) region: String,
    /// How long an environment stays without a request before it ends.
    pub(crate) idle_timeout: Duration,
    /// How long the first initialisation of an environment may take.
    pub(crate) init_timeout: Duration,
    pub(crate) backend: Arc<dyn Backend>,
}
