//! What all environments of one function have in common.

use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::Backend;
use crate::config::{FunctionConfig, VERSION};
use crate::pool::EnvironmentId;

/// The variable that tells a runtime how many requests it may serve at a time.
const MAX_CONCURRENCY: &str = "AWS_LAMBDA_MAX_CONCURRENCY";

/// A function, its limits, and what runs it.
#[derive(Debug, Clone)]
pub(crate) struct Blueprint {
    pub(crate) function: FunctionConfig,
    pub(crate) region: String,
    pub(crate) credentials: Vec<(String, String)>,
    /// How long an environment stays without a request before it ends.
    pub(crate) idle_timeout: Duration,
    /// How long the first initialisation of an environment may take.
    pub(crate) init_timeout: Duration,
    pub(crate) backend: Arc<dyn Backend>,
}

/// The name of an environment's log stream. There is no such stream, but each environment has a name of its own.
pub(super) fn log_stream(id: EnvironmentId) -> String {
    format!("local/[{VERSION}]{:032x}", id.0)
}

impl Blueprint {
    /// How many requests an environment serves at a time.
    pub(crate) fn slots(&self) -> usize {
        self.function.max_concurrency.map_or(1, NonZero::get)
    }

    /// Whether the environments are those of Managed Instances.
    pub(super) fn is_managed(&self) -> bool {
        self.function.max_concurrency.is_some()
    }

    /// The environment variables of one environment, except for the address of its Runtime API.
    ///
    /// A process inherits no others, so that a run depends on nothing unseen. An image adds its own. The variables of the
    /// configuration come last and win.
    pub(super) fn variables(&self, id: EnvironmentId, provisioned: bool) -> Vec<(String, String)> {
        let Self { function, region, credentials, backend, .. } = self;
        let initialisation = match (self.is_managed(), provisioned) {
            (true, _) => "lambda-managed-instances",
            (false, true) => "provisioned-concurrency",
            (false, false) => "on-demand",
        };
        let max_concurrency = function.max_concurrency.map(|count| (MAX_CONCURRENCY, count.to_string()));
        let common = [
            ("AWS_ACCESS_KEY_ID", "local".to_owned()),
            ("AWS_DEFAULT_REGION", region.clone()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_mb.to_string()),
            ("AWS_LAMBDA_FUNCTION_NAME", function.name.clone()),
            ("AWS_LAMBDA_FUNCTION_VERSION", VERSION.to_owned()),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", initialisation.to_owned()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", function.name)),
            ("AWS_LAMBDA_LOG_STREAM_NAME", log_stream(id)),
            ("AWS_REGION", region.clone()),
            ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
            ("TZ", ":UTC".to_owned()),
        ];
        let set_by_lambda = common.into_iter().chain(max_concurrency).chain(backend.variables());
        let set_by_lambda = set_by_lambda.map(|(name, value)| (name.to_owned(), value));
        set_by_lambda.chain(credentials.iter().cloned()).chain(function.environment.iter().cloned()).collect()
    }
}
