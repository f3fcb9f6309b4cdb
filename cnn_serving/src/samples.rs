//! The four sample images that an event may ask for.

use std::path::PathBuf;

use thiserror::Error;

use crate::assets::Assets;
use crate::image::{self, LoadError, Thumbnail};

/// How many sample images there are.
pub const COUNT: usize = NAMES.len();

/// Their file names, in the order of the event's index.
pub const NAMES: [&str; 4] = ["chelsea.png", "coffee.png", "camera.png", "rocket.jpg"];

/// The sample images, each decoded when it is first asked for.
///
/// Decoding all of them while the network is loaded was measured: the first answer (about 80 ms) came 2 to 7 ms sooner
/// with two cores, and 7 to 13 ms later with one core. Most functions have at most one.
#[derive(Debug)]
pub struct Samples {
    images: [Sample; COUNT],
}

/// A sample image is missing or broken.
#[derive(Debug, Error)]
#[error("{0}; run ./scripts/setup.sh")]
pub struct SampleError(#[from] LoadError);

#[derive(Debug)]
struct Sample {
    path: PathBuf,
    image: Option<Thumbnail>,
}

impl Samples {
    /// Checks that the images are there and whole.
    ///
    /// # Errors
    /// If one of them is missing or broken.
    pub fn open(assets: &Assets) -> Result<Self, SampleError> {
        let images = NAMES.map(|name| Sample { path: assets.image(name), image: None });
        for sample in &images {
            image::probe(&sample.path)?;
        }
        Ok(Self { images })
    }

    /// The image at `index`, which is below [`COUNT`].
    ///
    /// # Errors
    /// If it is decoded now and turns out to be broken.
    pub fn get(&mut self, index: usize) -> Result<&Thumbnail, SampleError> {
        let Sample { path, image } = &mut self.images[index];
        match image {
            Some(image) => Ok(image),
            None => Ok(image.insert(image::load(path)?)),
        }
    }
}
