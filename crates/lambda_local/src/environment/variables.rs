//! The environment variables that a function finds.

use super::blueprint::Blueprint;
use crate::config::VERSION;
use crate::pool::EnvironmentId;

/// All variables that a function gets but for the address of its Runtime API. A process inherits no others, so that a
/// run depends on nothing unseen; an image adds its own. The variables of the configuration come last and win.
pub(super) fn variables(blueprint: &Blueprint, id: EnvironmentId) -> Vec<(String, String)> {
    let Blueprint { function, region, backend, .. } = blueprint;
    let common = [
        ("AWS_ACCESS_KEY_ID", "local".to_owned()),
        ("AWS_DEFAULT_REGION", region.clone()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_mb.to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", function.name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", VERSION.to_owned()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", function.name)),
        ("AWS_LAMBDA_LOG_STREAM_NAME", format!("local/[{VERSION}]{:032x}", id.0)),
        ("AWS_REGION", region.clone()),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        ("TZ", ":UTC".to_owned()),
    ];
    let set_by_lambda = common.into_iter().chain(backend.variables());
    let set_by_lambda = set_by_lambda.map(|(name, value)| (name.to_owned(), value));
    set_by_lambda.chain(function.environment.iter().cloned()).collect()
}
