//! JPEG, decoded exactly as by libjpeg-turbo, which Pillow uses: one level more or less in one sample of a hundred is
//! enough to swap two classes whose scores are close.

mod frame;

use libjpeg_turbo_rs::{DecodeLimits, Decoder, JpegError, PixelFormat};

use self::frame::Frame;
use crate::image::error::DecodeError;
use crate::image::format::Format;
use crate::image::integrity;
use crate::image::nearest::resize;
use crate::image::thumbnail::Thumbnail;

/// Passes over the pixels of a progressive JPEG; real ones have about ten.
const MAX_SCANS: usize = 100;

pub(super) fn decode(bytes: &[u8]) -> Result<Thumbnail, DecodeError> {
    let (decoder, frame) = open(bytes)?;
    let format = frame.output();
    // As libjpeg does by default. It matters where a progressive picture ends after its first scans.
    let decoder = decoder.with_output_format(format).with_block_smoothing(true);
    let image = decoder.decode_image().map_err(broken)?;
    let bytes_per_pixel = format.bytes_per_pixel();
    Ok(resize((image.width, image.height), |x, y| {
        let pixel = &image.data[(y * image.width + x) * bytes_per_pixel..];
        match format {
            PixelFormat::Grayscale => [pixel[0]; 3],
            PixelFormat::Cmyk => cmyk_to_rgb([pixel[0], pixel[1], pixel[2], pixel[3]]),
            _ => [pixel[0], pixel[1], pixel[2]],
        }
    }))
}

/// Checks the headers, and that the segments are complete.
pub(super) fn probe(bytes: &[u8]) -> Result<(), DecodeError> {
    open(bytes)?;
    integrity::check_jpeg(bytes).map_err(|damage| Format::Jpeg.broken(damage))
}

fn open(bytes: &[u8]) -> Result<(Decoder<'_>, Frame), DecodeError> {
    let frame = Frame::read(bytes)?;
    frame.check()?;
    let limits = DecodeLimits { max_scans: MAX_SCANS, ..DecodeLimits::default() };
    let decoder = Decoder::new_with_limits(bytes, limits).map_err(broken)?;
    Ok((decoder, frame))
}

/// Pillow takes the levels of CMYK for inverted, as Adobe's programs write them, and blends each with the black.
fn cmyk_to_rgb([cyan, magenta, yellow, black]: [u8; 4]) -> [u8; 3] {
    [cyan, magenta, yellow].map(|ink| {
        let product = u32::from(255 - ink) * u32::from(black) + 128;
        black.saturating_sub(u8::try_from((product + (product >> 8)) >> 8).unwrap_or(u8::MAX))
    })
}

fn broken(error: JpegError) -> DecodeError {
    match error {
        JpegError::Unsupported(feature) => Format::Jpeg.unsupported(format!("a feature ({feature})")),
        JpegError::LimitExceeded { what, actual, limit } => {
            Format::Jpeg.unsupported(format!("a {what} of {actual}, more than {limit},"))
        }
        error => Format::Jpeg.broken(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected colours are what Pillow 13 gives for CMYK inverted.
    #[test]
    fn inks_become_colours_as_with_pillow() {
        assert_eq!(cmyk_to_rgb([255, 255, 255, 255]), [255; 3]);
        assert_eq!(cmyk_to_rgb([255, 255, 255, 0]), [0; 3]);
        assert_eq!(cmyk_to_rgb([0, 255, 255, 255]), [0, 255, 255]);
    }
}
