//! The local Lambda, used as its clients and its users do.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

// First, for its macro.
#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod containers;
mod faults;
mod invoke;
mod lifecycle;
mod python;
mod terminal;
