//! The lines for the program or the person that waits for the server.

use std::io::Write;

use anyhow::{Context, Result};

/// Prints lines immediately.
pub(super) async fn announce(lines: String) -> Result<()> {
    let write = move || {
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(lines.as_bytes()).and_then(|()| stdout.flush())
    };
    tokio::task::spawn_blocking(write).await?.context("cannot write to standard output")
}
