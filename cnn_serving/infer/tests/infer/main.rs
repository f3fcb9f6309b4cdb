//! The real program `infer`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../../tests/function/common.rs"]
mod common;
mod files;
#[path = "../../../tests/function/moto.rs"]
mod moto;
mod objects;
mod stub;
