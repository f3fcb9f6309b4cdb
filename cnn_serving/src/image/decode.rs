//! From the bytes of a file to samples in memory.
//!
//! JPEG is decoded exactly as by libjpeg-turbo, which Pillow uses: one level more or less in one sample of a
//! hundred is enough to swap two classes whose scores are close.

use std::io::Cursor;

use libjpeg_turbo_rs::{DecodeLimits, JpegError, PixelFormat};
use png::{BitDepth, ColorType, DecodingError, Transformations};
use thiserror::Error;

use super::integrity::{self, Damage};

/// The largest picture that is decoded. It bounds the time too: both formats take time in proportion to it.
pub const MAX_PIXELS: u64 = 50_000_000;
/// What decoding may allocate: eight bytes for each pixel, and as much again for what the decoder keeps.
const MAX_MEMORY: u64 = 16 * MAX_PIXELS;
/// Passes over the pixels of a progressive JPEG; real ones have about ten.
const MAX_SCANS: usize = 100;

/// A decoded picture.
#[derive(Debug)]
pub(super) struct Raster {
    /// In pixels, at least 1.
    pub(super) width: usize,
    /// In pixels, at least 1.
    pub(super) height: usize,
    pub(super) layout: Layout,
    /// `width * height` pixels in rows from the top.
    pub(super) samples: Vec<u8>,
}

/// What the samples of one pixel are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    Grey,
    GreyAlpha,
    Rgb,
    Rgba,
    /// One sample of 16 bits, high byte first.
    Grey16,
}

/// Why a picture cannot be decoded.
#[derive(Debug, Error)]
pub(super) enum DecodeError {
    #[error("it is neither a PNG nor a JPEG image")]
    UnknownFormat,
    #[error("it has {width} x {height} pixels; expected 1 to {MAX_PIXELS} in all")]
    Size { width: u64, height: u64 },
    #[error("it is a JPEG of {0} components; expected a grey or colour image, not CMYK")]
    Components(usize),
    #[error("it is a broken PNG: {0}")]
    Png(#[from] DecodingError),
    #[error("it is a broken JPEG: {0}")]
    Jpeg(#[from] JpegError),
    #[error("it is broken: {0}")]
    Damage(#[from] Damage),
}

enum Format {
    Png,
    Jpeg,
}

/// Decodes a PNG or JPEG file.
pub(super) fn decode(bytes: &[u8]) -> Result<Raster, DecodeError> {
    match format(bytes)? {
        Format::Png => decode_png(bytes),
        Format::Jpeg => decode_jpeg(bytes),
    }
}

/// Finds what is wrong with a file as far as that can be done without decoding the pixels.
pub(super) fn probe(bytes: &[u8]) -> Result<(), DecodeError> {
    match format(bytes)? {
        Format::Png => {
            open_png(bytes)?;
            integrity::check_png(bytes)?;
        }
        Format::Jpeg => {
            open_jpeg(bytes)?;
            integrity::check_jpeg(bytes)?;
        }
    }
    Ok(())
}

fn format(bytes: &[u8]) -> Result<Format, DecodeError> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Ok(Format::Png),
        [0xff, 0xd8, 0xff, ..] => Ok(Format::Jpeg),
        _ => Err(DecodeError::UnknownFormat),
    }
}

fn decode_png(bytes: &[u8]) -> Result<Raster, DecodeError> {
    let mut reader = open_png(bytes)?;
    let mut samples = vec![0; reader.output_buffer_size().ok_or(DecodingError::LimitsExceeded)?];
    let frame = reader.next_frame(&mut samples)?;
    let layout = match frame.color_type {
        ColorType::Grayscale if frame.bit_depth == BitDepth::Sixteen => Layout::Grey16,
        ColorType::Grayscale => Layout::Grey,
        ColorType::GrayscaleAlpha => Layout::GreyAlpha,
        ColorType::Rgba => Layout::Rgba,
        // Palettes have been expanded.
        ColorType::Rgb | ColorType::Indexed => Layout::Rgb,
    };
    Ok(Raster { width: frame.width as usize, height: frame.height as usize, layout, samples })
}

fn open_png(bytes: &[u8]) -> Result<png::Reader<Cursor<&[u8]>>, DecodeError> {
    let limits = png::Limits { bytes: usize::try_from(MAX_MEMORY).unwrap_or(usize::MAX) };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let header = decoder.read_header_info()?;
    check_size(header.width.into(), header.height.into())?;
    // Pillow keeps 16 bits only for grey without alpha; of all other samples it takes the high byte.
    let grey16 = header.color_type == ColorType::Grayscale && header.bit_depth == BitDepth::Sixteen;
    let expanded = Transformations::EXPAND | Transformations::STRIP_16;
    decoder.set_transformations(if grey16 { Transformations::IDENTITY } else { expanded });
    Ok(decoder.read_info()?)
}

fn decode_jpeg(bytes: &[u8]) -> Result<Raster, DecodeError> {
    let image = open_jpeg(bytes)?.with_output_format(PixelFormat::Rgb).decode_image()?;
    Ok(Raster { width: image.width, height: image.height, layout: Layout::Rgb, samples: image.data })
}

fn open_jpeg(bytes: &[u8]) -> Result<libjpeg_turbo_rs::Decoder<'_>, DecodeError> {
    let limits =
        DecodeLimits { max_scans: MAX_SCANS, max_memory: Some(MAX_MEMORY), ..DecodeLimits::default() };
    let decoder = libjpeg_turbo_rs::Decoder::new_with_limits(bytes, limits)?;
    let header = decoder.header();
    check_size(header.width.into(), header.height.into())?;
    match header.components.len() {
        1 | 3 => Ok(decoder),
        count => Err(DecodeError::Components(count)),
    }
}

fn check_size(width: u64, height: u64) -> Result<(), DecodeError> {
    match width.checked_mul(height) {
        Some(1..=MAX_PIXELS) => Ok(()),
        _ => Err(DecodeError::Size { width, height }),
    }
}
