//! The whole function: what the program says outside Lambda, and what the handler answers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod binary;
mod goldens;
mod grpc;
mod handler;
