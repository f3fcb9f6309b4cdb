//! The async runtime of the front ends.

use tokio::runtime::{Builder, Runtime};

/// A runtime with one thread, that of the caller.
///
/// # Errors
/// A message for the log.
pub(crate) fn start() -> Result<Runtime, String> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| format!("cannot start the async runtime: {error}"))
}
