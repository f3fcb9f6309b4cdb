//! chameleon on AWS Lambda, or on a local one.

use std::process::ExitCode;

fn main() -> ExitCode {
    function_host::run(|| Ok(chameleon::handle))
}
