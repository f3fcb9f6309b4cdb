//! The log that comes with an answer never stops awsinvoker, whatever the function wrote into it.
//!
//! The input is the log, or the log in base64, as the service sends it.

#![no_main]

use base64::Engine as _;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|log: &[u8]| {
    if let Ok(encoded) = std::str::from_utf8(log) {
        let _ = fuzz::log_tail::start(encoded);
    }
    let _ = fuzz::log_tail::start(&base64::engine::general_purpose::STANDARD.encode(log));
});
