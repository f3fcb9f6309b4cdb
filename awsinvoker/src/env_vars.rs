//! The environment variables that awsinvoker reads itself. Those of AWS are read by its SDK.

/// What is logged to stderr: `error`, `warn`, `info` (the default), `debug`, or a list of `target=level`.
pub const AWSINVOKER_LOG: &str = "AWSINVOKER_LOG";
