//! The four sample images that an event may ask for.

use std::path::PathBuf;

use crate::assets::Assets;
use crate::image::{self, LoadError, Thumbnail};

/// How many sample images there are.
pub const COUNT: usize = NAMES.len();

/// Their file names, in the order of the event's index.
pub const NAMES: [&str; 4] = ["chelsea.png", "coffee.png", "camera.png", "rocket.jpg"];

/// The sample images, each decoded when it is first asked for.
#[derive(Debug)]
pub struct Samples {
    images: [Sample; COUNT],
}

#[derive(Debug)]
struct Sample {
    path: PathBuf,
    image: Option<Thumbnail>,
}

impl Samples {
    /// # Errors
    pub fn open(assets: &Assets) -> Result<Self, LoadError> {
        let images = NAMES.map(|name| Sample { path: assets.image(name), image: None });
        for sample in &images {
            image::probe(&sample.path)?;
        }
        Ok(Self { images })
    }

    /// The image at `index`.
    ///
    /// # Errors
    /// If it has not been loaded yet and cannot be.
    pub fn get(&mut self, index: usize) -> Result<&Thumbnail, LoadError> {
        let Sample { path, image } = &mut self.images[index];
        match image {
            Some(image) => Ok(image),
            None => Ok(image.insert(image::load(path)?)),
        }
    }
}
