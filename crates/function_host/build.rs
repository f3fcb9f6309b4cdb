//! Makes Rust types and services from `proto/`, without a `protoc` on the machine.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use prost::Message;

/// The files, by their names within `proto/`.
const FILES: [&str; 2] = ["helloworld.proto", "faas.proto"];
/// What `src/grpc/proto.rs` includes for reflection.
const DESCRIPTORS: &str = "functions.bin";

#[expect(clippy::disallowed_methods, reason = "cargo tells build scripts by variables where to write")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set; expected to be run by cargo")?);
    let descriptors = protox::compile(FILES, ["proto"])?;
    fs::write(out.join(DESCRIPTORS), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().build_client(false).build_transport(false).compile_fds(descriptors)?;
    Ok(())
}
