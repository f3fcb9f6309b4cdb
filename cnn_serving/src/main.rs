//! The Lambda function `cnn_serving`.

use std::process::ExitCode;

use cnn_serving::CnnServing;

fn main() -> ExitCode {
    function_host::run(|| {
        let mut function = CnnServing::from_env()?;
        Ok(move |event: &str| function.answer(event))
    })
}
