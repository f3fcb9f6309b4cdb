//! The formats, each decoded with the pixels that Pillow gives, or refused.

mod bmp;
mod gif;
mod ico;
mod jpeg;
mod png;
mod pnm;
mod qoi;
mod webp;

use super::error::DecodeError;
use super::foreign::guarded;
use super::format::Format;
use super::thumbnail::Thumbnail;

/// Decodes a file, and resizes it for the network.
pub(super) fn decode(bytes: &[u8]) -> Result<Thumbnail, DecodeError> {
    with_format(bytes, |format| match format {
        Format::Png => png::decode(bytes),
        Format::Jpeg => jpeg::decode(bytes),
        Format::Gif => gif::decode(bytes),
        Format::WebP => webp::decode(bytes),
        Format::Bmp => bmp::decode(bytes),
        Format::Ico => ico::decode(bytes),
        Format::Pnm => pnm::decode(bytes),
        Format::Qoi => qoi::decode(bytes),
    })
}

/// Finds what is wrong with a file: for PNG and JPEG, as far as that can be done without decoding the pixels.
pub(super) fn probe(bytes: &[u8]) -> Result<(), DecodeError> {
    match Format::of(bytes) {
        Some(Format::Png) => with_format(bytes, |_| png::probe(bytes)),
        Some(Format::Jpeg) => with_format(bytes, |_| jpeg::probe(bytes)),
        _ => decode(bytes).map(drop),
    }
}

fn with_format<T>(
    bytes: &[u8],
    work: impl FnOnce(Format) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    let format = Format::of(bytes).ok_or(DecodeError::UnknownFormat)?;
    guarded(|| work(format)).unwrap_or_else(|panic| Err(DecodeError::Panicked(format, panic)))
}
