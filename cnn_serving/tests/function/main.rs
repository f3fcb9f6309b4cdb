//! The whole function, with the real library, model and images.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod answers;
mod broken_assets;
mod common;
mod moto;
mod objects;
