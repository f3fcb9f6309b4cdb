//! Connects the core of a sample function to the platform that runs the process.
//!
//! ```text
//! platform ──► front end ──► handler(event) ──► answer or FunctionError
//! ```
//!
//! - `lambda` is the front end for AWS Lambda's Runtime API. A front end for another platform is one more module, and
//!   [`run`] is the place that chooses between them.
//! - `env_vars` declares the environment variables that a front end reads.
//! - `log` sets up logging.

mod env_vars;
mod lambda;
mod log;

use std::process::ExitCode;

use function_core::FunctionError;
use serde::Serialize;

/// Runs a function on the platform that started this process: `init` once, then its handler for one event after the
/// other.
///
/// The handler takes the JSON text of an event and returns the answer, which is sent as `serde_json` writes it. It is
/// called on the only thread of the process, because an environment serves one request at a time.
///
/// The function returns when the front end has ended or `init` has failed. Both are failures.
pub fn run<H, A>(init: impl FnOnce() -> Result<H, FunctionError>) -> ExitCode
where
    H: FnMut(&str) -> Result<A, FunctionError>,
    A: Serialize,
{
    log::to_stderr();
    match lambda::run(init) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            tracing::error!("{message}");
            ExitCode::FAILURE
        }
    }
}
