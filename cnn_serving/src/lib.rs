//! Classifies one of four sample images, or a picture in S3, with SqueezeNet v1.1.
//!
//! ```text
//! event ─► event ─► samples | object_store ─► image ─► model ─► labels ─► answer
//!        (picture)         (pixels)         (tensor) (scores) (top five) (JSON)
//! ```
//!
//! - [`settings`]: the environment variables, each declared once.
//! - [`assets`]: where the library, the model and the sample images lie.
//! - [`process`]: what a program has to ask for first.
//! - [`object_store`]: fetches pictures from S3, within bounds; built when the first one is asked for.
//! - [`image`]: loads a picture of any size within bounds, and prepares it for the network.
//! - [`model`]: the network, run by ONNX Runtime.
//! - [`labels`]: the 1000 classes, and the best five of them.
//! - [`CnnServing`]: the function itself, from the text of an event to the text of the answer.

pub mod answer;
pub mod assets;
pub mod classifier;
pub mod event;
pub mod image;
pub mod labels;
mod library;
pub mod model;
pub mod object_store;
pub mod process;
pub mod samples;
pub mod settings;

use std::time::{Duration, Instant};

use function_core::FunctionError;
use serde_json::value::RawValue;

use crate::assets::Assets;
use crate::classifier::Classifier;
use crate::event::Picture;
use crate::object_store::ObjectStore;
use crate::samples::Samples;
use crate::settings::Settings;

/// The network failed on a well-formed event.
pub const INFERENCE_FAILED: &str = "InferenceFailed";

/// The function: initialised once, then called for one event after the other.
#[derive(Debug)]
pub struct CnnServing {
    classifier: Classifier,
    samples: Samples,
    objects: ObjectStore,
}

impl CnnServing {
    /// Initialises the function from the environment variables of the process.
    ///
    /// # Errors
    /// `InitFailed` if a variable, the library, the model or a sample image is missing or broken.
    pub fn from_env() -> Result<Self, FunctionError> {
        let settings = Settings::from_env().map_err(init_failed)?;
        let assets = Assets::find(settings.assets.as_deref()).map_err(init_failed)?;
        Self::load(&assets, &settings)
    }

    /// Initialises the function with the files in `assets`.
    ///
    /// # Errors
    /// `InitFailed` if the library, the model or a sample image is missing or broken.
    pub fn load(assets: &Assets, settings: &Settings) -> Result<Self, FunctionError> {
        let samples = Samples::open(assets).map_err(init_failed)?;
        let classifier = Classifier::load(assets, &settings.session).map_err(init_failed)?;
        Ok(Self { classifier, samples, objects: ObjectStore::new(settings.objects) })
    }

    /// Answers one event, both as JSON.
    ///
    /// # Errors
    /// `InvalidEvent` if the event asks neither for one of the sample images nor for an object; `InitFailed` if that
    /// image turns out to be broken; one of the names in [`object_store`] if the object cannot be loaded;
    /// `InferenceFailed` if the network fails.
    pub fn answer(&mut self, event: &str) -> Result<Box<RawValue>, FunctionError> {
        let object;
        let image = match Picture::from_event(event)? {
            // Decoding is initialisation put off, so its errors have the same name.
            Picture::Sample(index) => self.samples.get(index).map_err(init_failed)?,
            Picture::Object(uri) => {
                object = self.objects.load(&uri)?;
                &object
            }
        };
        // Like the original's, the latency leaves out how the image got into memory.
        let (predictions, latency) = timed(|| self.classifier.classify(image));
        answer::encode(&predictions.map_err(inference_failed)?, latency).map_err(inference_failed)
    }
}

/// The result of `work`, and how long it took: the one place of this crate that reads a clock.
#[expect(clippy::disallowed_methods, reason = "the latency is part of the answer")]
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}

fn init_failed(error: impl std::error::Error) -> FunctionError {
    FunctionError::init_failed(error.to_string())
}

fn inference_failed(error: impl std::error::Error) -> FunctionError {
    FunctionError { error_type: INFERENCE_FAILED, message: error.to_string() }
}
