//! The environment variables that the front ends read. No other module of this crate reads the environment.
#![expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]

use std::env::{self, VarError};
use std::ffi::OsString;

/// What is logged; see `log::to_stderr`.
const RUST_LOG: &str = "RUST_LOG";

/// Where Lambda's Runtime API is. Whether it has a value decides between Lambda and gRPC.
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

/// The port to serve gRPC on, as Knative and other platforms tell it to their containers.
pub(crate) const PORT: &str = "PORT";

/// The same, as vSwarm's functions know it. [`PORT`] wins.
pub(crate) const GRPC_PORT: &str = "GRPC_PORT";

/// Whether vSwarm's functions send spans to Zipkin.
const ENABLE_TRACING: &str = "ENABLE_TRACING";

/// A variable that Lambda sets and without which `lambda_runtime` panics.
struct Required {
    name: &'static str,
    expected: &'static str,
    is_valid: fn(&str) -> bool,
}

const REQUIRED: [Required; 4] = [
    Required {
        name: RUNTIME_API,
        expected: "HOST:PORT",
        is_valid: |value| value.parse::<http::Uri>().is_ok(),
    },
    Required { name: "AWS_LAMBDA_FUNCTION_NAME", expected: "a name", is_valid: |_| true },
    Required {
        name: "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        expected: "megabytes",
        is_valid: |value| value.parse::<i32>().is_ok(),
    },
    Required { name: "AWS_LAMBDA_FUNCTION_VERSION", expected: "a version", is_valid: |_| true },
];

/// The value of `RUST_LOG`, if it is set and is Unicode.
pub(crate) fn rust_log() -> Option<String> {
    env::var(RUST_LOG).ok()
}

/// Whether this process was started by Lambda, or by what stands in for it. An empty variable counts as absent.
pub(crate) fn is_lambda() -> bool {
    env::var_os(RUNTIME_API).is_some_and(|value| !value.is_empty())
}

/// The ports that [`PORT`] and [`GRPC_PORT`] name, as they are written.
pub(crate) fn ports() -> [(&'static str, Option<OsString>); 2] {
    [PORT, GRPC_PORT].map(|name| (name, env::var_os(name)))
}

/// Whether the variable asks for spans, by the rules of vSwarm's functions in Python.
pub(crate) fn tracing_is_enabled() -> bool {
    let value = env::var(ENABLE_TRACING).unwrap_or_default();
    ["true", "yes", "1", "on"].contains(&value.to_lowercase().as_str())
}

/// Checks the variables that Lambda sets for every function.
///
/// # Errors
/// The first variable that is missing or has an invalid value, and what to do about it.
pub(crate) fn check_lambda() -> Result<(), String> {
    REQUIRED.iter().try_for_each(Required::check)
}

impl Required {
    fn check(&self) -> Result<(), String> {
        let Self { name, expected, is_valid } = self;
        let problem = match env::var(name) {
            Ok(value) if is_valid(&value) => return Ok(()),
            Ok(value) => format!("is {value:?}, expected {expected}"),
            Err(VarError::NotUnicode(value)) => format!("is {value:?}, expected {expected}"),
            Err(VarError::NotPresent) => "is not set".to_owned(),
        };
        Err(format!(
            "{name} {problem}: with {RUNTIME_API}, this program is a Lambda function; start it with `lambda-local \
             --function NAME=COMMAND`, or without {RUNTIME_API} to serve gRPC"
        ))
    }
}
