//! The front end for AWS Lambda: initialisation and the invocation loop over the Runtime API.

use std::fmt;

use function_core::FunctionError;
use function_core::error::with_causes;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use lambda_runtime_api_client::{Client, body::Body};
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::runtime::Runtime;

use crate::{async_runtime, env_vars};

/// Initialises the function, then serves events until the Runtime API fails.
///
/// # Errors
/// A message for the log: a variable of Lambda is missing, the function cannot be initialised, or the Runtime API
/// failed.
pub(crate) fn run<H, A>(init: impl FnOnce() -> Result<H, FunctionError>) -> Result<(), String>
where
    H: FnMut(&str) -> Result<A, FunctionError>,
    A: Serialize,
{
    env_vars::check_lambda()?;
    let runtime = async_runtime::start()?;
    let handler = init().map_err(|error| report(&runtime, &error))?;
    runtime
        .block_on(serve(handler))
        .map_err(|error| format!("the runtime loop failed: {}", with_causes(&*error)))
}

/// Tells Lambda why initialisation failed, so that clients see more than `Runtime.ExitError`. Returns the message for the log.
fn report(runtime: &Runtime, error: &FunctionError) -> String {
    if let Err(error) = runtime.block_on(report_init_error(error)) {
        tracing::warn!("cannot report the failed initialisation to the Runtime API: {error}");
    }
    error.to_string()
}

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
        let answer = handler(event.payload.get()).map_err(HandlerError);
        async move { answer }
    });
    lambda_runtime::run(service).await
}

/// A function's error as `lambda_runtime` takes it. `lambda_runtime` logs the error with `Debug`, which here prints the
/// line for people.
struct HandlerError(FunctionError);

impl fmt::Debug for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl From<HandlerError> for Diagnostic {
    fn from(HandlerError(error): HandlerError) -> Self {
        Self { error_type: error.error_type.to_owned(), error_message: error.message }
    }
}
