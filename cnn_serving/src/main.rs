//! The function `cnn_serving` on AWS Lambda, on a local one, on vHive or on Knative.

use std::process::ExitCode;

use cnn_serving::{CnnServing, event, process};
use function_host::Function;

#[expect(unsafe_code, reason = "see `prepare`")]
fn main() -> ExitCode {
    // SAFETY: no thread has been started yet.
    unsafe { process::prepare() };
    function_host::run(&Function {
        init: || {
            let mut function = CnnServing::from_env()?;
            Ok(move |event: &str| function.answer(event))
        },
        event_of_name: event::event_of_name,
    })
}
