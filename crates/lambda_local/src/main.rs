//! `lambda-local`: the binary of the local Lambda.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use lambda_local::cli::{self, Log, Task};
use tokio::runtime::Builder;

/// How long a thread that cannot be interrupted, such as one that writes, may keep this process from ending.
const THREAD_GRACE: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    cli::return_large_blocks();
    let log = Log::to_stderr();
    let task = cli::parse();
    let result = block_on(task);
    if let Err(error) = &result {
        log.add(&format!("Error: {error:#}\n"));
    }
    log.flush(THREAD_GRACE);
    if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn block_on(task: Task) -> Result<()> {
    let mut runtime =
        if task.is_small() { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    let runtime = runtime.enable_all().build().context("cannot start the async runtime")?;
    let result = runtime.block_on(cli::run(task));
    // Ends all tasks that still run, and with them the functions.
    runtime.shutdown_timeout(THREAD_GRACE);
    result
}
