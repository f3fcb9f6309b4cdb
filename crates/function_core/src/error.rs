//! Failures that a client of the function sees.

use std::error::Error as StdError;

use thiserror::Error;

/// The event is not what the function accepts.
pub const INVALID_EVENT: &str = "InvalidEvent";
/// The answer would be larger than the platform delivers.
pub const RESPONSE_TOO_LARGE: &str = "ResponseTooLarge";
/// The function could not be initialised: a file is missing or broken.
pub const INIT_FAILED: &str = "InitFailed";

/// An error with a stable name, which becomes `errorType` on the wire, and a message for a person,
/// which becomes `errorMessage`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{error_type}: {message}")]
pub struct FunctionError {
    /// One of the names in this module; clients match on it.
    pub error_type: &'static str,
    /// Names the field or file, the value, and what was expected.
    pub message: String,
}

impl FunctionError {
    /// The event is refused.
    pub fn invalid_event(message: impl Into<String>) -> Self {
        Self { error_type: INVALID_EVENT, message: message.into() }
    }

    /// The answer is refused before it is built.
    pub fn response_too_large(message: impl Into<String>) -> Self {
        Self { error_type: RESPONSE_TOO_LARGE, message: message.into() }
    }

    /// Initialisation failed; the process cannot serve.
    pub fn init_failed(message: impl Into<String>) -> Self {
        Self { error_type: INIT_FAILED, message: message.into() }
    }
}

/// The error and its causes, outermost first, as one line.
pub fn with_causes(error: &(dyn StdError + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
