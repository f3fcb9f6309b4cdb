//! The boundary around foreign decoders: a panic inside becomes an error outside.
//!
//! A decoder reads what anybody may have written, and a single index that nobody checked would end the whole batch, or
//! the environment of the function. What a stack overflow or a lack of memory would end cannot be caught: no decoder
//! recurses with its input, and [`super::limits`] bounds the memory.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

const _: () =
    assert!(cfg!(panic = "unwind"), "with panic = \"abort\" a panic in a decoder ends the function");

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `decode`, or returns the message of its panic, which is not printed.
pub(super) fn guarded<T>(decode: impl FnOnce() -> T) -> Result<T, String> {
    silence_guarded_panics();
    GUARDED.set(true);
    // A decoder works on bytes that it cannot change, and what it has made is dropped on the way out. So nothing is left
    // half done.
    let result = panic::catch_unwind(AssertUnwindSafe(decode));
    GUARDED.set(false);
    result.map_err(message)
}

/// Panics elsewhere, on any thread, are reported as before.
fn silence_guarded_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !GUARDED.get() {
                report(panic);
            }
        }));
    });
}

#[expect(clippy::needless_pass_by_value, reason = "it is what a panic hands over")]
fn message(panic: Box<dyn Any + Send>) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked without a message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_survived_and_its_message_is_kept() {
        let rows: Vec<u8> = Vec::new();
        assert_eq!(guarded(|| rows[7]).unwrap_err(), "index out of bounds: the len is 0 but the index is 7");
        assert_eq!(guarded(|| panic!("no row")).map(|()| 0).unwrap_err(), "no row");
        assert_eq!(guarded(|| panic::panic_any(7)).map(|()| 0).unwrap_err(), "it panicked without a message");
        assert_eq!(guarded(|| 7), Ok(7));
    }

    #[test]
    fn only_the_decoder_is_silenced() {
        assert!(guarded(|| assert!(GUARDED.get())).is_ok());
        let _ = guarded(|| panic!("no row"));
        assert!(!GUARDED.get());
    }
}
