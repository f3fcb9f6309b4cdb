//! The program of the function, without a Lambda.

use std::path::Path;
use std::process::Command;

use cnn_serving::settings::ASSETS;

/// The function, in an environment whose Runtime API refuses connections.
pub(crate) fn function(assets: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cnn_serving"));
    command
        .env(ASSETS, assets)
        .env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1")
        .env("AWS_LAMBDA_FUNCTION_NAME", "cnn_serving")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
    command
}
