//! cnn_serving loads whatever file it is given, within its bounds.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let file = tempfile::NamedTempFile::new().and_then(|file| std::fs::write(file.path(), bytes).map(|()| file));
    let Ok(file) = file else { return };
    let loaded = cnn_serving::image::load(file.path());
    // What loads has also passed the check at init.
    assert!(loaded.is_err() || cnn_serving::image::probe(file.path()).is_ok());
});
