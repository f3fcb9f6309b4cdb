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
    segments(bytes).try_for_each(|segment| segment.map(drop))
}

/// A segment of a JPEG file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment<'a> {
    pub(super) marker: u8,
    /// Without the coded pixels that follow a scan.
    pub(super) content: &'a [u8],
}

impl Segment<'_> {
    pub(super) const START_OF_SCAN: u8 = 0xda;
}

/// The segments of a JPEG file, up to the marker that ends the image or to the first damage.
pub(super) fn segments(bytes: &[u8]) -> impl Iterator<Item = Result<Segment<'_>, Damage>> {
    const START_OF_IMAGE_LEN: usize = 2;
    let mut rest = bytes.get(START_OF_IMAGE_LEN..).ok_or(Damage::EndsEarly);
    std::iter::from_fn(move || {
        let (segment, behind) = match rest.and_then(next_segment) {
            Ok(found) => found?,
            Err(damage) => {
                rest = Ok(END_OF_IMAGE);
                return Some(Err(damage));
            }
        };
        rest = Ok(behind);
        Some(Ok(segment))
    })
}

const END_OF_IMAGE: &[u8] = &[0xff, 0xd9];

/// The first segment of `rest` and what is behind it, or nothing at the end of the image.
fn next_segment(mut rest: &[u8]) -> Result<Option<(Segment<'_>, &[u8])>, Damage> {
    loop {
        match rest {
            // A marker may have any number of fill bytes before it.
            [0xff, 0xff, ..] => rest = &rest[1..],
            [0xff, 0xd9, ..] => return Ok(None),
            [0xff, marker, content @ ..] => {
                let length = content.first_chunk().ok_or(Damage::EndsEarly)?;
                let length = usize::from(u16::from_be_bytes(*length));
                let (content, mut behind) = content.split_at_checked(length).ok_or(Damage::EndsEarly)?;
                let content = content.get(2..).ok_or(Damage::NoMarker)?;
                if *marker == Segment::START_OF_SCAN {
                    behind = &behind[coded_len(behind)..];
                }
                return Ok(Some((Segment { marker: *marker, content }, behind)));
            }
            [] | [0xff] => return Err(Damage::EndsEarly),
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
