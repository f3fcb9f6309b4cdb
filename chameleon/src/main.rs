//! chameleon on AWS Lambda, on a local one, on vHive or on Knative.

use std::process::ExitCode;

use function_host::Function;

fn main() -> ExitCode {
    function_host::run(&Function {
        init: || Ok(chameleon::handle),
        event_of_name: chameleon::samples::event_of_name,
    })
}
