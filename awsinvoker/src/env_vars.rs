//! The environment variables that awsinvoker reads itself. Those of AWS are read by its SDK. No other module of this crate
//! reads the environment.
#![expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]

use std::env;
use std::ffi::OsString;

/// What is logged to stderr: `error`, `warn`, `info`, `debug`, or a list of `TARGET=LEVEL`.
const AWSINVOKER_LOG: &str = "AWSINVOKER_LOG";
/// Folders in which `--local` looks for programs.
const PATH: &str = "PATH";

/// The value of `AWSINVOKER_LOG`, if it is set and is Unicode.
pub fn log() -> Option<String> {
    env::var(AWSINVOKER_LOG).ok()
}

/// The value of `PATH`.
pub fn path() -> Option<OsString> {
    env::var_os(PATH)
}
