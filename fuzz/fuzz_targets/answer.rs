//! awsinvoker reads whatever a function answers.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|payload: &[u8]| {
    if let Ok(Some(latency_s)) = fuzz::answer::latency_s(payload) {
        assert!((0.0..=3600.0).contains(&latency_s), "{latency_s}");
    }
});
