//! The local Lambda, used as its clients and its users do.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a test compares with the real time and its own environment")]

// First, for its macro.
#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod conformance;
mod containers;
mod faults;
mod inject;
mod invoke;
mod lifecycle;
mod log;
mod managed;
mod management;
mod python;
mod settings;
mod streaming;
mod structure;
mod terminal;
mod watch;
mod web_pages;
