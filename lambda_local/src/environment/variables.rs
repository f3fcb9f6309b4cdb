//! The environment variables that a function finds.

use std::path::Path;

use crate::config::{Config, FunctionConfig, VERSION};
use crate::pool::EnvironmentId;

/// The whole environment of a process: nothing is inherited, so that a run depends on nothing unseen.
///
/// The address of the Runtime API is added when it is known. The function's own variables come last and win.
pub(super) fn of(function: &FunctionConfig, config: &Config, id: EnvironmentId) -> Vec<(String, String)> {
    let task_root = function.executable.parent().unwrap_or(Path::new("/")).display().to_string();
    let handler = function.executable.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let set_by_lambda = [
        ("_HANDLER", handler),
        ("AWS_ACCESS_KEY_ID", "local".to_owned()),
        ("AWS_DEFAULT_REGION", config.region.clone()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_mb.to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", function.name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", VERSION.to_owned()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", function.name)),
        ("AWS_LAMBDA_LOG_STREAM_NAME", format!("local/[{VERSION}]{:032x}", id.0)),
        ("AWS_REGION", config.region.clone()),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        ("LAMBDA_TASK_ROOT", task_root),
        ("LANG", "en_US.UTF-8".to_owned()),
        ("PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin".to_owned()),
        ("TZ", ":UTC".to_owned()),
    ];
    let set_by_lambda = set_by_lambda.into_iter().map(|(name, value)| (name.to_owned(), value));
    set_by_lambda.chain(function.environment.iter().cloned()).collect()
}
