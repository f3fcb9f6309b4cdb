//! The clock. No other module of this crate reads the time.

use std::time::Instant;

/// The time now, on a clock that is never set.
#[expect(clippy::disallowed_methods, reason = "the one place of this crate that reads a clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
