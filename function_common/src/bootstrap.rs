//! The Lambda front end of a function: log set-up, initialisation and the invocation loop.

use std::env::VarError;
use std::process::ExitCode;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use lambda_runtime_api_client::{Client, body::Body};
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

use crate::FunctionError;
use crate::error::with_causes;

/// A variable that Lambda sets and without which `lambda_runtime` panics.
struct Variable {
    name: &'static str,
    expected: &'static str,
    is_valid: fn(&str) -> bool,
}

const VARIABLES: [Variable; 4] = [
    Variable {
        name: "AWS_LAMBDA_RUNTIME_API",
        expected: "HOST:PORT",
        is_valid: |value| value.parse::<http::Uri>().is_ok(),
    },
    Variable { name: "AWS_LAMBDA_FUNCTION_NAME", expected: "a name", is_valid: |_| true },
    Variable {
        name: "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        expected: "megabytes",
        is_valid: |value| value.parse::<i32>().is_ok(),
    },
    Variable { name: "AWS_LAMBDA_FUNCTION_VERSION", expected: "a version", is_valid: |_| true },
];

/// Runs a Lambda function: `init` once, then its handler for one event after the other.
///
/// The handler takes the JSON text of the event and returns the answer, which is sent as `serde_json` spells
/// it. It is called on the only thread of the process, as an environment serves one request at a time. Returns when the runtime
/// loop ends or the function cannot be initialised; either is a failure.
pub fn run<H, A>(init: impl FnOnce() -> Result<H, FunctionError>) -> ExitCode
where
    H: FnMut(&str) -> Result<A, FunctionError>,
    A: Serialize,
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

/// Sends log lines to standard error; `RUST_LOG` selects them by target and level (`debug`, `warn,hyper=trace`),
/// warnings and above by default.
pub fn log_to_stderr() {
    let chosen = std::env::var("RUST_LOG").ok().and_then(|filter| filter.parse::<Targets>().ok());
    // The richer filter would bring regular expressions into the images, a quarter of their size.
    let filter = chosen.unwrap_or_else(|| Targets::new().with_default(LevelFilter::WARN));
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(std::io::stderr);
    tracing_subscriber::registry().with(lines).with(filter).init();
}

fn start<H, A>(init: impl FnOnce() -> Result<H, FunctionError>) -> Result<(), String>
where
    H: FnMut(&str) -> Result<A, FunctionError>,
    A: Serialize,
{
    VARIABLES.iter().try_for_each(check_variable)?;
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
    runtime
        .block_on(serve(handler))
        .map_err(|error| format!("the runtime loop failed: {}", with_causes(&*error)))
}

fn check_variable(variable: &Variable) -> Result<(), String> {
    let Variable { name, expected, is_valid } = variable;
    let problem = match std::env::var(name) {
        Ok(value) if is_valid(&value) => return Ok(()),
        Ok(value) => format!("is {value:?}, expected {expected}"),
        Err(VarError::NotUnicode(value)) => format!("is {value:?}, expected {expected}"),
        Err(VarError::NotPresent) => "is not set".to_owned(),
    };
    Err(format!(
        "{name} {problem}: this program is a Lambda function; start it with `lambda-local --function NAME=PATH`"
    ))
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

async fn serve<H, A>(mut handler: H) -> Result<(), lambda_runtime::Error>
where
    H: FnMut(&str) -> Result<A, FunctionError>,
    A: Serialize,
{
    let service = service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let answer = handler(event.payload.get()).map_err(Diagnostic::from);
        async move { answer }
    });
    lambda_runtime::run(service).await
}
