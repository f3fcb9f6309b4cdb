//! From an image in memory to the five most probable classes.

use crate::assets::Assets;
use crate::image::{self, Thumbnail};
use crate::labels::{self, Prediction, TOP};
use crate::model::{Model, ModelError, SessionOptions};

/// The network with all that surrounds it.
#[derive(Debug)]
pub struct Classifier {
    model: Model,
    /// The network's input, allocated once.
    tensor: Vec<f32>,
}

impl Classifier {
    /// Loads the network and runs it once, because the first run takes longer than all others.
    ///
    /// # Errors
    /// If the library or the model is missing, broken or not what is expected.
    pub fn load(assets: &Assets, options: &SessionOptions) -> Result<Self, ModelError> {
        let mut model = Model::load(&assets.library(), &assets.model(), options)?;
        let tensor = vec![0.0; image::TENSOR_LEN];
        model.run(&tensor)?;
        Ok(Self { model, tensor })
    }

    /// The most probable classes of `image`, best first.
    ///
    /// # Errors
    /// If ONNX Runtime fails.
    pub fn classify(&mut self, image: &Thumbnail) -> Result<[Prediction; TOP], ModelError> {
        image::preprocess(image, &mut self.tensor);
        let probabilities = self.model.run(&self.tensor)?;
        Ok(labels::top(&probabilities))
    }
}
