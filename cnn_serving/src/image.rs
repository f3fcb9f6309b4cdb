//! Pictures: loading them within bounds, and preparing them for the network.
//!
//! Everything is done as the original does it with Keras and Pillow: convert to RGB, resize to a square with
//! the nearest neighbour, turn into blue-green-red planes with ImageNet's means subtracted.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageBuffer, ImageDecoder, ImageFormat, ImageReader, Limits, Pixel};
use thiserror::Error;

/// Width and height of the network's input, in pixels.
pub const SIDE: usize = 227;
/// Length of the network's input: three planes.
pub const TENSOR_LEN: usize = 3 * SIDE * SIDE;

/// The longest file that is read.
pub const MAX_FILE_BYTES: u64 = 32 << 20;
/// The largest picture that is decoded. It bounds the time too: both formats take time in proportion to it.
pub const MAX_PIXELS: u64 = 50_000_000;
/// What the decoder may allocate: eight bytes for each pixel.
const MAX_ALLOC: u64 = 8 * MAX_PIXELS;

/// A picture of the network's size, as RGB rows from the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thumbnail(Vec<[u8; 3]>);

/// Why a picture cannot be loaded.
#[derive(Debug, Error)]
#[error("{}: {problem}", path.display())]
pub struct LoadError {
    path: PathBuf,
    problem: Problem,
}

#[derive(Debug, Error)]
enum Problem {
    #[error("cannot read the image: {0}")]
    Read(#[from] io::Error),
    #[error("is not a regular file; expected a PNG or JPEG image")]
    NotAFile,
    #[error("the file is longer than {MAX_FILE_BYTES} bytes; expected a smaller image")]
    TooLong,
    #[error("is neither a PNG nor a JPEG image")]
    UnknownFormat,
    #[error("the image is {0} x {1} pixels; expected at most {MAX_PIXELS} pixels in all")]
    TooLarge(u32, u32),
    #[error("broken image: {0}")]
    Broken(#[from] image::ImageError),
    #[error("broken image: the file ends early")]
    Truncated,
}

/// Loads a PNG or JPEG picture and resizes it for the network. What the file says of itself is not believed:
/// file size, pixels and memory are bounded.
///
/// # Errors
/// If the file cannot be read, is too large, or is not a complete picture of a known format.
pub fn load(path: &Path) -> Result<Thumbnail, LoadError> {
    read(path).and_then(|bytes| decode(&bytes)).map_err(|problem| LoadError { path: path.to_owned(), problem })
}

/// Checks that `path` looks like a picture that can be loaded, without decoding its pixels.
///
/// # Errors
/// As [`load`], but for damage inside the pixels' data.
pub fn probe(path: &Path) -> Result<(), LoadError> {
    let probed = read(path).and_then(|bytes| open_decoder(&bytes).map(|_| ()));
    probed.map_err(|problem| LoadError { path: path.to_owned(), problem })
}

/// Writes the network's input: planes blue, green, red, each in rows from the top, ImageNet's means subtracted.
///
/// # Panics
/// If `tensor` is not [`TENSOR_LEN`] long.
pub fn preprocess(image: &Thumbnail, tensor: &mut [f32]) {
    const MEANS_BGR: [f32; 3] = [103.939, 116.779, 123.68];
    assert_eq!(tensor.len(), TENSOR_LEN);
    for ((plane, mean), channel) in tensor.chunks_exact_mut(SIDE * SIDE).zip(MEANS_BGR).zip([2, 1, 0]) {
        for (value, pixel) in plane.iter_mut().zip(&image.0) {
            *value = f32::from(pixel[channel]) - mean;
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    // Asked before opening, since opening a pipe would wait for its other end.
    if !path.metadata()?.is_file() {
        return Err(Problem::NotAFile);
    }
    let mut bytes = Vec::new();
    let length = File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if length as u64 > MAX_FILE_BYTES { Err(Problem::TooLong) } else { Ok(bytes) }
}

fn decode(bytes: &[u8]) -> Result<Thumbnail, Problem> {
    Ok(resize(&DynamicImage::from_decoder(open_decoder(bytes)?)?))
}

fn open_decoder(bytes: &[u8]) -> Result<impl ImageDecoder, Problem> {
    let format = image::guess_format(bytes).map_err(|_| Problem::UnknownFormat)?;
    if !matches!(format, ImageFormat::Png | ImageFormat::Jpeg) {
        return Err(Problem::UnknownFormat);
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_ALLOC);
    reader.limits(limits);
    let decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(Problem::TooLarge(width, height));
    }
    Ok(decoder)
}

/// Converts to RGB as Pillow's `convert("RGB")` does, and resizes. Transparency is dropped, not blended.
fn resize(image: &DynamicImage) -> Thumbnail {
    match image {
        DynamicImage::ImageLuma8(image) => sample(image, |p| [p.0[0]; 3]),
        DynamicImage::ImageLumaA8(image) => sample(image, |p| [p.0[0]; 3]),
        DynamicImage::ImageRgb8(image) => sample(image, |p| p.0),
        DynamicImage::ImageRgba8(image) => sample(image, |p| [p.0[0], p.0[1], p.0[2]]),
        other => sample(&other.to_rgb8(), |p| p.0),
    }
}

fn sample<P: Pixel>(
    image: &ImageBuffer<P, Vec<P::Subpixel>>,
    to_rgb: impl Fn(&P) -> [u8; 3],
) -> Thumbnail {
    let columns = nearest(image.width());
    let rows = nearest(image.height());
    let pixels = rows.iter().flat_map(|y| columns.iter().map(|x| to_rgb(image.get_pixel(*x, *y))));
    Thumbnail(pixels.collect())
}

/// Which of `length` source pixels each of the `SIDE` output pixels shows.
///
/// Pillow accumulates the position in double precision; no closed formula agrees with it for every length.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positions are in 0..length")]
fn nearest(length: u32) -> [u32; SIDE] {
    let scale = f64::from(length) / SIDE as f64;
    let mut position = scale * 0.5;
    std::array::from_fn(|_| {
        let index = position as u32;
        position += scale;
        index
    })
}
