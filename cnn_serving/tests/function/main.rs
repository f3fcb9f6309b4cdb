//! The whole function, with the real library, model and images.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may panic, wait and be told where things are"
)]

mod answers;
mod broken_assets;
mod common;
mod local_lambda;
mod memory;
mod moto;
mod objects;
mod program;
mod telemetry;
