//! What a program of this crate asks of its process before anything else.

use std::ffi::c_int;

use crate::settings;

/// Prepares the process for ONNX Runtime: no telemetry, and memory that was freed is kept for the next use.
///
/// # Safety
/// No other thread may be running: one that reads the environment or takes memory outside of Rust would do so
/// unprotected.
#[expect(unsafe_code, reason = "both settings belong to the process and are not protected")]
pub unsafe fn prepare() {
    // SAFETY: by the contract above.
    unsafe { settings::forbid_telemetry() };
    for (parameter, bytes) in HEAP {
        // SAFETY: by the contract above. A value that the C library refuses changes nothing.
        unsafe { libc::mallopt(parameter, bytes) };
    }
}

/// By default, the C library takes every block of 128 KiB or more from the kernel, and gives it back when it is freed.
/// Each page of the next one is then fetched by a fault, which is a twentieth of a cold start: most weights are such blocks,
/// and so is what ONNX Runtime takes for its arena at first. What is longer, such as a decoded picture, is still given back.
const HEAP: [(c_int, c_int); 3] =
    [(libc::M_MMAP_THRESHOLD, 4 << 20), (libc::M_TRIM_THRESHOLD, 16 << 20), (libc::M_TOP_PAD, 1 << 20)];
