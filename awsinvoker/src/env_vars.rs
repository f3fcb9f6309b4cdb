//! The environment variables that awsinvoker reads itself. Most of AWS's are read by its SDK. No other module of this crate
//! reads the environment.
#![expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

/// What is logged to stderr: `error`, `warn`, `info`, `debug`, or a list of `TARGET=LEVEL`.
const AWSINVOKER_LOG: &str = "AWSINVOKER_LOG";
/// Folders in which `--local` looks for programs.
const PATH: &str = "PATH";
/// A file of certificates, in PEM, that are trusted instead of the system's. The SDK does not know it.
const AWS_CA_BUNDLE: &str = "AWS_CA_BUNDLE";
/// What the terminal can do.
const TERM: &str = "TERM";

/// The value of `AWSINVOKER_LOG`, if it is set and is Unicode.
pub fn log() -> Option<String> {
    env::var(AWSINVOKER_LOG).ok()
}

/// The value of `TERM`, if it is set and is Unicode.
pub fn term() -> Option<String> {
    env::var(TERM).ok()
}

/// The value of `PATH`.
pub fn path() -> Option<OsString> {
    env::var_os(PATH)
}

/// The value of `AWS_CA_BUNDLE`, if it is set and not empty.
pub(crate) fn ca_bundle() -> Option<PathBuf> {
    env::var_os(AWS_CA_BUNDLE).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// What the variables say of proxies for addresses behind TLS.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proxies {
    /// The variable that names a proxy, and its value.
    pub(crate) https: Option<(&'static str, String)>,
    /// Which servers are called without one.
    pub(crate) no: String,
}

/// `HTTPS_PROXY`, else `ALL_PROXY`, and `NO_PROXY`: each in capital letters, else in small ones.
pub(crate) fn proxies() -> Proxies {
    let first = |names: [&'static str; 2]| {
        let set = names.into_iter().find_map(|name| Some((name, env::var(name).ok()?)));
        set.filter(|(_, value)| !value.is_empty())
    };
    Proxies {
        https: first(["HTTPS_PROXY", "https_proxy"]).or_else(|| first(["ALL_PROXY", "all_proxy"])),
        no: first(["NO_PROXY", "no_proxy"]).map(|(_, value)| value).unwrap_or_default(),
    }
}
