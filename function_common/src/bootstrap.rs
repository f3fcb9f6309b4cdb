//! The Lambda front end of a function: log set-up, initialisation and the invocation loop.

use std::process::ExitCode;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use lambda_runtime_api_client::{Client, body::Body};
use serde_json::json;
use serde_json::value::RawValue;
use tracing_subscriber::EnvFilter;

use crate::FunctionError;

/// Variables that Lambda sets and without which `lambda_runtime` cannot start.
const REQUIRED_VARIABLES: [&str; 4] = [
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
];

/// Runs a Lambda function: `init` once, then its handler for one event after the other.
///
/// The handler takes the JSON text of the event and returns the JSON text of the answer. It is called on the
/// only thread of the process, as an environment serves one request at a time. Returns when the runtime
/// loop ends or the function cannot be initialised; either is a failure.
pub fn run<H>(init: impl FnOnce() -> Result<H, FunctionError>) -> ExitCode
where
    H: FnMut(&str) -> Result<Box<RawValue>, FunctionError>,
{
    log_to_stderr();
    match start(init) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            tracing::error!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// Sends log lines to standard error; `RUST_LOG` selects them, warnings and above by default.
pub fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(std::io::stderr).init();
}

fn start<H>(init: impl FnOnce() -> Result<H, FunctionError>) -> Result<(), String>
where
    H: FnMut(&str) -> Result<Box<RawValue>, FunctionError>,
{
    if let Some(name) = REQUIRED_VARIABLES.iter().find(|name| std::env::var_os(name).is_none()) {
        return Err(format!(
            "{name} is not set: this program is a Lambda function; start it with `lambda-local --function NAME=PATH`"
        ));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start the async runtime: {error}"))?;
    let handler = init().map_err(|error| {
        if let Err(error) = runtime.block_on(report_init_error(&error)) {
            tracing::warn!("cannot report the failed initialisation to the Runtime API: {error}");
        }
        error.to_string()
    })?;
    runtime.block_on(serve(handler)).map_err(|error| format!("the runtime loop failed: {error}"))
}

/// Tells Lambda why initialisation failed, so that clients see more than `Runtime.ExitError`.
async fn report_init_error(error: &FunctionError) -> Result<(), lambda_runtime::Error> {
    let body = json!({ "errorType": error.error_type, "errorMessage": error.message, "stackTrace": [] });
    let request = http::Request::post("/2018-06-01/runtime/init/error")
        .header("Lambda-Runtime-Function-Error-Type", error.error_type)
        .body(Body::from(body.to_string()))?;
    Client::builder().build()?.call(request).await?;
    Ok(())
}

async fn serve<H>(mut handler: H) -> Result<(), lambda_runtime::Error>
where
    H: FnMut(&str) -> Result<Box<RawValue>, FunctionError>,
{
    let service = service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let answer = handler(event.payload.get()).map_err(Diagnostic::from);
        async move { answer }
    });
    lambda_runtime::run(service).await
}
