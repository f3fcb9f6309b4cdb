//! awsinvoker reads the endpoints files of others.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(endpoints) = fuzz::endpoints::parse(text, &mut |_| Err(std::io::ErrorKind::NotFound.into())) {
        assert!(!endpoints.list.is_empty());
        assert!(endpoints.slots.iter().all(|slot| *slot < endpoints.list.len()));
    }
});
