//! awsinvoker looks for the REPORT line in whatever a function prints.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|log_result: &str| {
    let _ = awsinvoker::platform::lambda::log_tail::start(log_result);
});
