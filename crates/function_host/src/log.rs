//! Log lines on standard error, where every platform collects them.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

use crate::env_vars;

/// Sends log lines to standard error. `RUST_LOG` selects them by target and level (`debug`, `warn,hyper=debug`); the
/// default is warnings and errors.
// Not inlined, so that it stays in this crate, which is compiled for size; see `Cargo.toml`.
#[inline(never)]
pub(crate) fn to_stderr() {
    let chosen = env_vars::rust_log().and_then(|filter| filter.parse::<Targets>().ok());
    // The richer filter would bring regular expressions into the images, a quarter of their size.
    let filter = chosen.unwrap_or_else(|| Targets::new().with_default(LevelFilter::WARN));
    // Errors of the function are logged by a module of `lambda_runtime` whose name says `panic`, so no module is named.
    let lines =
        tracing_subscriber::fmt::layer().with_ansi(false).with_target(false).with_writer(std::io::stderr);
    tracing_subscriber::registry().with(lines).with(filter).init();
}
