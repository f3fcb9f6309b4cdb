//! The environment variables that the front ends read. No other module of this crate reads the environment.
#![expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]

use std::env::{self, VarError};

/// What is logged; see `log::to_stderr`.
const RUST_LOG: &str = "RUST_LOG";

/// A variable that Lambda sets and without which `lambda_runtime` panics.
struct Required {
    name: &'static str,
    expected: &'static str,
    is_valid: fn(&str) -> bool,
}

const REQUIRED: [Required; 4] = [
    Required {
        name: "AWS_LAMBDA_RUNTIME_API",
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
            "{name} {problem}: this program is a Lambda function; start it with `lambda-local --function NAME=COMMAND`"
        ))
    }
}
