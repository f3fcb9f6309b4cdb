//! The environment variables that a function finds.

use std::path::Path;

use super::Launcher;
use crate::config::{Config, FunctionConfig, Program, VERSION};
use crate::pool::EnvironmentId;

/// What a process finds instead of the system of an image.
const OF_THE_SYSTEM: [(&str, &str); 2] =
    [("LANG", "en_US.UTF-8"), ("PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin")];
/// Where images for Lambda have their code.
const IMAGE_ROOT: &str = "/var/task";

/// The whole environment of a process, or all that is added to that of an image: nothing is inherited, so that a run
/// depends on nothing unseen.
///
/// The address of the Runtime API is added when it is known. The function's own variables come last and win.
pub(super) fn of(
    function: &FunctionConfig,
    config: &Config,
    launcher: &Launcher,
    id: EnvironmentId,
) -> Vec<(String, String)> {
    let (handler, task_root) = match &function.program {
        Program::Executable(path) => (
            path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            path.parent().unwrap_or(Path::new("/")).display().to_string(),
        ),
        Program::Image(name) => {
            let handler = launcher.image(name).map(|image| image.handler.clone());
            (handler.unwrap_or_default(), IMAGE_ROOT.to_owned())
        }
    };
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
        ("TZ", ":UTC".to_owned()),
    ];
    // What finds the programs of an image is the image's own.
    let of_the_system: &[(&str, &str)] = match function.program {
        Program::Executable(_) => &OF_THE_SYSTEM,
        Program::Image(_) => &[],
    };
    let of_the_system = of_the_system.iter().map(|(name, value)| (*name, (*value).to_owned()));
    let set_by_lambda = set_by_lambda.into_iter().chain(of_the_system);
    let set_by_lambda = set_by_lambda.map(|(name, value)| (name.to_owned(), value));
    set_by_lambda.chain(function.environment.iter().cloned()).collect()
}
