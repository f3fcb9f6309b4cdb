//! The protocol, made from `proto/` by the build script.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::nursery,
    clippy::pedantic,
    reason = "generated code"
)]

pub(crate) mod helloworld {
    tonic::include_proto!("helloworld");
}

pub(crate) mod faas {
    tonic::include_proto!("faas");
}

/// The files of `proto/`, encoded, for reflection.
pub(crate) const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/functions.bin"));
