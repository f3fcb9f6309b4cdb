//! Whether a file is whole, told without decoding its pixels.

use thiserror::Error;

/// What is wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum Damage {
    #[error("the file ends early")]
    EndsEarly,
    #[error("a checksum is wrong")]
    Checksum,
    #[error("there is no marker where one belongs")]
    NoMarker,
}

/// Checks that the chunks of a PNG file are complete and have the right checksums.
pub(super) fn check_png(bytes: &[u8]) -> Result<(), Damage> {
    const SIGNATURE_LEN: usize = 8;
    let mut rest = bytes.get(SIGNATURE_LEN..).ok_or(Damage::EndsEarly)?;
    loop {
        let length;
        (length, rest) = rest.split_first_chunk().ok_or(Damage::EndsEarly)?;
        let checked_len =
            usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX).saturating_add(4);
        let (kind_and_data, checksum);
        (kind_and_data, rest) = rest.split_at_checked(checked_len).ok_or(Damage::EndsEarly)?;
        (checksum, rest) = rest.split_first_chunk().ok_or(Damage::EndsEarly)?;
        if crc32fast::hash(kind_and_data) != u32::from_be_bytes(*checksum) {
            return Err(Damage::Checksum);
        }
        if kind_and_data.starts_with(b"IEND") {
            return Ok(());
        }
    }
}

/// Checks that the segments of a JPEG file are complete, up to the marker that ends the image.
pub(super) fn check_jpeg(bytes: &[u8]) -> Result<(), Damage> {
    const END_OF_IMAGE: u8 = 0xd9;
    const START_OF_SCAN: u8 = 0xda;
    const START_OF_IMAGE_LEN: usize = 2;
    let mut rest = bytes.get(START_OF_IMAGE_LEN..).ok_or(Damage::EndsEarly)?;
    loop {
        match rest {
            // A marker may have any number of fill bytes before it.
            [0xff, 0xff, ..] => rest = &rest[1..],
            [0xff, END_OF_IMAGE, ..] => return Ok(()),
            [0xff, marker, high, low, ..] => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                rest = rest.get(2 + length..).ok_or(Damage::EndsEarly)?;
                if *marker == START_OF_SCAN {
                    rest = &rest[coded_len(rest)..];
                }
            }
            [] | [0xff] | [0xff, _] | [0xff, _, _] => return Err(Damage::EndsEarly),
            _ => return Err(Damage::NoMarker),
        }
    }
}

/// How many bytes of coded pixels `bytes` begins with: up to a marker that is neither an escaped 0xff nor a
/// restart.
fn coded_len(bytes: &[u8]) -> usize {
    let ends = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7);
    bytes.windows(2).position(ends).unwrap_or(bytes.len())
}
