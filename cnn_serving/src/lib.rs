//! cnn_serving.
