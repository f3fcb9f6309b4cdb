//! chameleon answers or refuses whatever event it gets; what it answers, Lambda delivers.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|event: &str| {
    if let Ok(answer) = chameleon::handle(event) {
        let size = serde_json::to_vec(&answer).map(|text| text.len());
        assert!(size.is_ok_and(|size| size <= 6_291_556));
    }
});
