//! cnn_serving decodes whatever picture it is given, of every format, within its bounds.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = fuzz::image::from_bytes(bytes);
});
