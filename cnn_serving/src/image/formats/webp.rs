//! WebP: the picture, or the first frame of an animation.

use std::io::Cursor;

use ::image::codecs::webp::WebPDecoder;
use ::image::{ImageDecoder, ImageError};

use crate::image::error::DecodeError;
use crate::image::format::Format;
use crate::image::limits::check_size;
use crate::image::nearest::resize;
use crate::image::thumbnail::Thumbnail;

/// What the decoder keeps of each pixel of a lossy picture without alpha, and of any other.
const BYTES_PER_PIXEL: [f64; 2] = [5.0, 11.0];

pub(super) fn decode(bytes: &[u8]) -> Result<Thumbnail, DecodeError> {
    // The decoder does not look at the length that the file states, and Pillow does.
    let stated = bytes.get(4..).and_then(|rest| rest.first_chunk()).map(|length| u32::from_le_bytes(*length));
    if stated.is_none_or(|length| length as usize > bytes.len().saturating_sub(8)) {
        return Err(Format::WebP.ends_early());
    }
    let decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(broken)?;
    let (width, height) = decoder.dimensions();
    let (what, bytes_per_pixel) = match bytes.get(12..16) {
        Some(b"VP8 ") => ("a lossy WebP", BYTES_PER_PIXEL[0]),
        _ => ("a WebP that is lossless, animated or has alpha", BYTES_PER_PIXEL[1]),
    };
    check_size(what, (width, height), bytes_per_pixel)?;
    let (width, height) = (width as usize, height as usize);
    let samples_per_pixel = usize::from(decoder.color_type().channel_count());
    let mut samples = vec![0; width * height * samples_per_pixel];
    decoder.read_image(&mut samples).map_err(broken)?;
    Ok(resize((width, height), |x, y| {
        let pixel = &samples[(y * width + x) * samples_per_pixel..];
        [pixel[0], pixel[1], pixel[2]]
    }))
}

fn broken(error: ImageError) -> DecodeError {
    match error {
        ImageError::Unsupported(feature) => Format::WebP.unsupported(feature.to_string()),
        error => Format::WebP.broken(error),
    }
}
