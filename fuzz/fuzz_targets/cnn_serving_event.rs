//! cnn_serving understands or refuses whatever event it gets.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|event: &str| {
    let _ = fuzz::event::Picture::from_event(event);
});
