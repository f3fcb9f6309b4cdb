//! The real program `infer`.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may panic, wait and be told where things are"
)]

#[path = "../../../tests/function/common.rs"]
mod common;
mod cost;
mod files;
#[path = "../../../tests/function/moto.rs"]
mod moto;
mod objects;
mod stub;
