//! The Lambda function `cnn_serving`.

use std::process::ExitCode;

use cnn_serving::{CnnServing, settings};

#[expect(unsafe_code, reason = "see `forbid_telemetry`")]
fn main() -> ExitCode {
    // SAFETY: no thread has been started yet.
    unsafe { settings::forbid_telemetry() };
    function_host::run(|| {
        let mut function = CnnServing::from_env()?;
        Ok(move |event: &str| function.answer(event))
    })
}
