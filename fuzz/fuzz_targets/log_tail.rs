//! The log that comes with an answer never stops awsinvoker, whatever the function wrote into it.
//!
//! The input is the log, or the log in base64, as the service sends it.

#![no_main]

use base64::Engine as _;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|log: &[u8]| {
    if let Ok(encoded) = std::str::from_utf8(log) {
        check(encoded);
    }
    check(&base64::engine::general_purpose::STANDARD.encode(log));
});

fn check(encoded: &str) {
    let init_ms = fuzz::log_tail::start(encoded).and_then(|start| start.init_ms);
    assert!(init_ms.is_none_or(|ms| (0.0..=3_600_000.0).contains(&ms)), "{init_ms:?}");
}
