//! `lambda-local`: the binary of the local Lambda.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use lambda_local::cli;

/// How long a thread that cannot be interrupted, such as one that writes the log, may keep this process from ending.
const THREAD_GRACE: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    cli::log_to_stderr();
    let task = cli::parse();
    match block_on(cli::run(task)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "the last word of a command")]
            {
                eprintln!("Error: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}

fn block_on(work: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("cannot start the async runtime")?;
    let result = runtime.block_on(work);
    // Ends all tasks that still run, and with them the functions.
    runtime.shutdown_timeout(THREAD_GRACE);
    result
}
