//! The Lambda function `cnn_serving`.

use std::process::ExitCode;

use cnn_serving::{CnnServing, process};

#[expect(unsafe_code, reason = "see `prepare`")]
fn main() -> ExitCode {
    // SAFETY: no thread has been started yet.
    unsafe { process::prepare() };
    function_host::run(|| {
        let mut function = CnnServing::from_env()?;
        Ok(move |event: &str| function.answer(event))
    })
}
