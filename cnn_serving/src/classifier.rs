//! From an image in memory to the five most probable classes.

use crate::assets::Assets;
use crate::image::{self, TENSOR_SHAPE, Tensor, Thumbnail};
use crate::labels::{self, Prediction, TOP};
use crate::model::{Model, ModelError, SessionOptions};

/// The network with all that surrounds it.
#[derive(Debug)]
pub struct Classifier {
    model: Model,
    /// The network's input, allocated once.
    tensor: Tensor,
}

impl Classifier {
    /// Loads the network. It is not run for practice: the first run takes a little longer than the others, but much less
    /// than two runs do, so the first answer would come later.
    ///
    /// # Errors
    /// If the library or the model is missing, broken or not what is expected.
    pub fn load(assets: &Assets, options: &SessionOptions) -> Result<Self, ModelError> {
        let model = Model::load(&assets.library(), &assets.model(), options)?;
        Ok(Self { model, tensor: Tensor::zeros(TENSOR_SHAPE) })
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
