//! What all outputs have in common.

use run_record::sink::SinkError;

use crate::load::Observer;

/// An observer that writes, and reports at the end whether it could.
pub(super) trait Output: Observer + Send + std::fmt::Debug {
    /// Closes what was written.
    ///
    /// # Errors
    /// The first failure.
    fn finish(self: Box<Self>) -> Result<(), SinkError>;
}

/// Tells that a file can no longer be written, when it happens.
pub(crate) fn warn(message: &str) {
    tracing::warn!("{message}");
}
