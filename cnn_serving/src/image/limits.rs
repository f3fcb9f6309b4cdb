//! What one picture may cost.
//!
//! Most formats are decoded row by row, and need no memory for their pixels. The others keep all of them, some several
//! times; the pixels that such a format may have follow from the memory that its decoder takes for each.

use super::error::DecodeError;

/// The longest file that is read.
pub const MAX_FILE_BYTES: u64 = 32 << 20;
/// The most pixels of any picture. They bound the time: all formats take time in proportion to them.
pub const MAX_PIXELS: u64 = 50_000_000;
/// The longest side. It bounds what is kept of one row.
pub(super) const MAX_SIDE: u64 = 65_535;
/// What decoding may allocate. The rest of the function, with the network loaded and a file of full length in memory,
/// takes less than 100 MB; 256 MB must do for all of it.
pub(super) const MAX_MEMORY: u64 = 144_000_000;

/// Checks the size of a picture whose decoder takes `bytes_per_pixel`. `what` is the kind of picture, as in "a PNG".
pub(super) fn check_size(
    what: impl Into<String>,
    (width, height): (impl Into<u64>, impl Into<u64>),
    bytes_per_pixel: f64,
) -> Result<(), DecodeError> {
    let (width, height) = (width.into(), height.into());
    let limit = max_pixels(bytes_per_pixel);
    match width.checked_mul(height) {
        Some(pixels) if (1..=limit).contains(&pixels) && width.max(height) <= MAX_SIDE => Ok(()),
        Some(pixels) if (1..=limit).contains(&pixels) => {
            Err(DecodeError::Side { width, height, limit: MAX_SIDE })
        }
        _ => Err(DecodeError::Pixels { width, height, limit, what: what.into() }),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a positive number below 50 million"
)]
fn max_pixels(bytes_per_pixel: f64) -> u64 {
    (MAX_MEMORY as f64 / bytes_per_pixel).min(MAX_PIXELS as f64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_and_the_time_of_a_pixel_bound_their_number() {
        for (size, bytes, problem) in [
            ((50_000u64, 1_000u64), 0.0, None),
            (
                (50_000, 1_001),
                0.0,
                Some("it has 50000 x 1001 pixels; expected 1 to 50000000 in all for a PNG"),
            ),
            ((9_000, 4_000), 4.0, None),
            ((9_000, 4_001), 4.0, Some("it has 9000 x 4001 pixels; expected 1 to 36000000 in all for a PNG")),
            ((0, 7), 1.0, Some("it has 0 x 7 pixels; expected 1 to 50000000 in all for a PNG")),
            ((65_535, 1), 1.0, None),
            ((65_536, 1), 1.0, Some("it has 65536 x 1 pixels; expected at most 65535 on a side")),
            (
                (u64::MAX, u64::MAX),
                0.0,
                Some(
                    "it has 18446744073709551615 x 18446744073709551615 pixels; expected 1 to 50000000 in all for a PNG",
                ),
            ),
        ] {
            let found = check_size("a PNG", size, bytes).err().map(|error| error.to_string());
            assert_eq!(found.as_deref(), problem, "{size:?}");
        }
    }
}
