//! Why bytes are not a picture that can be classified.

use thiserror::Error;

use super::format::{Format, SUPPORTED};

/// Why a picture cannot be decoded. What is valid but not decoded is `Unsupported`, or exceeds a limit; only what
/// breaks the rules of its format is `Broken`.
#[derive(Debug, Error)]
pub(super) enum DecodeError {
    #[error("it is not an image of a supported format; expected {SUPPORTED}")]
    UnknownFormat,
    #[error("it has {width} x {height} pixels; expected 1 to {limit} in all for {what}")]
    Pixels { width: u64, height: u64, limit: u64, what: String },
    #[error("it has {width} x {height} pixels; expected at most {limit} on a side")]
    Side { width: u64, height: u64, limit: u64 },
    #[error("it is a {0} with {1}, which is not supported")]
    Unsupported(Format, String),
    #[error("it is a broken {0}: {1}")]
    Broken(Format, String),
    #[error("it is a {0} that its decoder cannot cope with: {1}")]
    Panicked(Format, String),
}

/// Short forms for the modules of the formats.
impl Format {
    pub(super) fn unsupported(self, feature: impl Into<String>) -> DecodeError {
        DecodeError::Unsupported(self, feature.into())
    }

    pub(super) fn broken(self, problem: impl ToString) -> DecodeError {
        DecodeError::Broken(self, problem.to_string())
    }

    pub(super) fn ends_early(self) -> DecodeError {
        self.broken("the file ends early")
    }
}
