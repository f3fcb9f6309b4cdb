//! Pictures: loading them within bounds, and preparing them for the network.
//!
//! Everything is done as the original does it with Keras and Pillow: convert to RGB, resize to a square with
//! the nearest neighbour, turn into blue, green and red planes with ImageNet's means subtracted.

mod error;
mod foreign;
mod format;
mod formats;
mod integrity;
mod limits;
mod nearest;
mod reader;
#[cfg(test)]
mod tests;
mod thumbnail;

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use ndarray::Array4;
use thiserror::Error;

use self::error::DecodeError;
use self::format::SUPPORTED;
pub use self::limits::{MAX_FILE_BYTES, MAX_PIXELS};
pub use self::thumbnail::{SIDE, Thumbnail};

/// The network's input: one image of three planes, each in rows from the top.
pub type Tensor = Array4<f32>;
/// Its shape.
pub const TENSOR_SHAPE: [usize; 4] = [1, 3, SIDE, SIDE];

/// Why a picture cannot be loaded.
#[derive(Debug, Error)]
#[error("cannot load the image {}: {problem}", path.display())]
pub struct LoadError {
    path: PathBuf,
    problem: Problem,
}

/// Why bytes are not a picture that can be classified.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct ImageError(#[from] DecodeError);

#[derive(Debug, Error)]
enum Problem {
    #[error("{0}")]
    Read(#[from] io::Error),
    #[error("it is not a file; expected {SUPPORTED}")]
    NotAFile,
    #[error("the file is longer than {MAX_FILE_BYTES} bytes; expected a smaller image")]
    TooLong,
    #[error("{0}")]
    Decode(#[from] ImageError),
}

/// Loads a picture from a file or a pipe and resizes it for the network. The file's length, its pixels, and the memory and
/// time that it takes are bounded, whatever its header states.
///
/// # Errors
/// If the file cannot be read, exceeds a bound, or is not a complete picture of a known format.
pub fn load(path: &Path) -> Result<Thumbnail, LoadError> {
    let loaded = read(path).and_then(|bytes| Ok(from_bytes(&bytes)?));
    loaded.map_err(|problem| LoadError { path: path.to_owned(), problem })
}

/// Like [`load`], from what is in memory already. The caller bounds its length by [`MAX_FILE_BYTES`].
///
/// # Errors
/// If `bytes` exceed another bound, or are not a complete picture of a known format.
pub fn from_bytes(bytes: &[u8]) -> Result<Thumbnail, ImageError> {
    Ok(formats::decode(bytes)?)
}

/// Checks that `path` is a file with a picture within bounds, and whole. The pixels of a PNG or JPEG are not decoded: a
/// PNG's checksums are right, a JPEG has an end. For these it takes less than a twentieth of the time of [`load`].
///
/// # Errors
/// As [`load`], but for damage within the pixels of a JPEG; and if `path` is a pipe.
pub fn probe(path: &Path) -> Result<(), LoadError> {
    let is_file = path.metadata().map_err(Problem::Read).map(|file| file.is_file());
    let bytes = is_file.and_then(|is_file| if is_file { read(path) } else { Err(Problem::NotAFile) });
    let probed = bytes.and_then(|bytes| Ok(formats::probe(&bytes).map_err(ImageError::from)?));
    probed.map_err(|problem| LoadError { path: path.to_owned(), problem })
}

/// Writes the network's input: planes blue, green, red, ImageNet's means subtracted.
///
/// # Panics
/// If `tensor` is not of the shape [`TENSOR_SHAPE`], or its values are not in the order of that.
pub fn preprocess(image: &Thumbnail, tensor: &mut Tensor) {
    const MEANS: [f32; 3] = [123.68, 116.779, 103.939];
    assert_eq!(tensor.shape(), TENSOR_SHAPE);
    // Plain slices, since an iterator over an array takes three times as long.
    let Some(values) = tensor.as_slice_mut() else {
        panic!("the tensor's values are not in the order of its shape")
    };
    let (blues, rest) = values.split_at_mut(SIDE * SIDE);
    let (greens, reds) = rest.split_at_mut(SIDE * SIDE);
    for (((blue, green), red), pixel) in blues.iter_mut().zip(greens).zip(reds).zip(&image.0) {
        let [r, g, b] = pixel.map(f32::from);
        (*red, *green, *blue) = (r - MEANS[0], g - MEANS[1], b - MEANS[2]);
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    let kind = path.metadata()?.file_type();
    if !kind.is_file() && !kind.is_fifo() {
        return Err(Problem::NotAFile);
    }
    let mut bytes = Vec::new();
    let length = File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if length as u64 > MAX_FILE_BYTES { Err(Problem::TooLong) } else { Ok(bytes) }
}
