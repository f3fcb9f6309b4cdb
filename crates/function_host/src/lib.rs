//! Connects the core of a sample function to the platform that runs the process.
//!
//! ```text
//! platform ──► front end ──► handler(event) ──► answer or FunctionError
//! ```
//!
//! - [`Function`] is what a program tells about its function.
//! - `lambda` is the front end for AWS Lambda's Runtime API.
//! - `grpc` is the front end for vHive and Knative. A front end for another platform is one more module, and [`run`] is
//!   the place that chooses between them.
//! - `env_vars` declares the environment variables that a front end reads, and `clock` reads the time.
//! - `log` sets up logging, and `async_runtime` what runs futures.

mod async_runtime;
mod clock;
mod env_vars;
mod function;
mod grpc;
mod lambda;
mod log;

use std::env;
use std::process::ExitCode;

use function_core::FunctionError;
use serde::Serialize;

pub use crate::function::Function;

/// Runs a function on the platform that started this process: with Lambda's Runtime API if `AWS_LAMBDA_RUNTIME_API` is
/// set and not empty, and with gRPC otherwise.
///
/// On Lambda, the function is initialised once, and its handler is called on the only thread of the process, because an
/// environment serves one request at a time. With gRPC, it is initialised as often as `--concurrency` says, and each
/// handler has a thread.
///
/// On Lambda, this returns when the front end has ended or the initialisation has failed. Both are failures. With gRPC,
/// it returns success after SIGTERM and SIGINT, and the exit code 2 if the command line is wrong.
pub fn run<I, H, A>(function: &Function<I>) -> ExitCode
where
    I: Fn() -> Result<H, FunctionError>,
    H: FnMut(&str) -> Result<A, FunctionError> + Send + 'static,
    A: Serialize,
{
    log::to_stderr();
    if env_vars::is_lambda() {
        return match lambda::run(&function.init) {
            Ok(()) => ExitCode::SUCCESS,
            Err(message) => failed(&message, ExitCode::FAILURE),
        };
    }
    match grpc::run(function, env::args_os().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(grpc::Error::Usage(message)) => failed(&message, ExitCode::from(2)),
        Err(grpc::Error::Failed(message)) => failed(&message, ExitCode::FAILURE),
    }
}

fn failed(message: &str, code: ExitCode) -> ExitCode {
    tracing::error!("{message}");
    code
}
