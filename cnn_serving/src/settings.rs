//! The environment variables of the function. No other module reads or changes the environment.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::model::{Optimization, SessionOptions};
use crate::object_store::ObjectOptions;

/// The folder that `scripts/setup.sh` makes. Default: the first folder `assets` beside the executable or in a
/// folder above it.
pub const ASSETS: &str = "CNN_SERVING_ASSETS";

/// How many threads compute one convolution, 1 to 64. Default: 1, which is best below two vCPUs (3,538 MB).
pub const INTRA_THREADS: &str = "CNN_SERVING_INTRA_THREADS";

/// Whether those threads spin while they wait, `0` or `1`. Default: 0. Spinning gains some milliseconds where
/// each thread has a core, and doubles the time where they share one.
pub const SPINNING: &str = "CNN_SERVING_SPINNING";

/// How far the network is optimised when it is loaded: `off`, `basic`, `extended` or `all`. Default: `all`.
/// Less makes a cold start shorter and every run longer.
pub const OPTIMIZATION: &str = "CNN_SERVING_OPTIMIZATION";

/// How many seconds the fetch of one S3 object may take in all, 1 to 900. Default: 10. Choose less than the function's
/// own time-out, or the function times out before it can report the error. AWS's own variables and profiles configure
/// the address of S3 and the credentials.
pub const S3_TIMEOUT: &str = "CNN_SERVING_S3_TIMEOUT";

/// ONNX Runtime's own: with `1`, it keeps no record of its use and reports nothing to its maker.
const NO_TELEMETRY: &str = "ORT_DISABLE_TELEMETRY";

const MAX_THREADS: usize = 64;
/// Lambda lets no function run for longer.
const MAX_SECONDS: u64 = 900;

/// The values of the variables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// The folder of assets, if named.
    pub assets: Option<PathBuf>,
    /// How ONNX Runtime runs the network.
    pub session: SessionOptions,
    /// How S3 objects are fetched.
    pub objects: ObjectOptions,
}

/// A variable has an invalid value.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{name} is {value:?}; expected {expected}")]
pub struct SettingError {
    name: &'static str,
    value: OsString,
    expected: String,
}

impl Settings {
    /// Reads the variables of the process.
    ///
    /// # Errors
    /// If a variable has an invalid value.
    #[expect(clippy::disallowed_methods, reason = "the one place of this crate that reads the environment")]
    pub fn from_env() -> Result<Self, SettingError> {
        Self::from_lookup(|name| env::var_os(name))
    }

    /// Reads the variables from `lookup`. Those that are absent or empty have their defaults.
    fn from_lookup(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self, SettingError> {
        let lookup = |name| lookup(name).filter(|value| !value.is_empty());
        let default = SessionOptions::default();
        let read_flag = |name| parse(name, lookup(name), "0 or 1", flag);
        let threads = format!("a whole number from 1 to {MAX_THREADS}");
        let seconds = format!("a whole number from 1 to {MAX_SECONDS}");
        Ok(Self {
            assets: lookup(ASSETS).map(PathBuf::from),
            session: SessionOptions {
                intra_threads: parse(INTRA_THREADS, lookup(INTRA_THREADS), &threads, thread_count)?
                    .unwrap_or(default.intra_threads),
                spinning: read_flag(SPINNING)?.unwrap_or(default.spinning),
                optimization: parse(
                    OPTIMIZATION,
                    lookup(OPTIMIZATION),
                    "off, basic, extended or all",
                    level,
                )?
                .unwrap_or(default.optimization),
            },
            objects: ObjectOptions {
                timeout: parse(S3_TIMEOUT, lookup(S3_TIMEOUT), &seconds, timeout)?
                    .unwrap_or(ObjectOptions::default().timeout),
            },
        })
    }
}

/// Keeps ONNX Runtime from recording its use. Otherwise it starts a thread, opens a database in the user's home, and
/// sends reports over the network; its interface for this comes too late to stop that.
///
/// # Safety
/// No other thread may be running, since one that reads the environment outside of Rust would do so unprotected.
#[expect(unsafe_code, reason = "ONNX Runtime can be told by a variable of the process only")]
pub(crate) unsafe fn forbid_telemetry() {
    // SAFETY: by the contract above, no other thread reads the environment meanwhile.
    unsafe { env::set_var(NO_TELEMETRY, "1") };
}

fn parse<T>(
    name: &'static str,
    value: Option<OsString>,
    expected: &str,
    read: fn(&str) -> Option<T>,
) -> Result<Option<T>, SettingError> {
    let Some(value) = value else { return Ok(None) };
    match value.to_str().and_then(read) {
        Some(read) => Ok(Some(read)),
        None => Err(SettingError { name, value, expected: expected.to_owned() }),
    }
}

fn thread_count(text: &str) -> Option<usize> {
    text.parse().ok().filter(|count| (1..=MAX_THREADS).contains(count))
}

fn timeout(text: &str) -> Option<Duration> {
    text.parse().ok().filter(|seconds| (1..=MAX_SECONDS).contains(seconds)).map(Duration::from_secs)
}

fn flag(text: &str) -> Option<bool> {
    match text {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

fn level(text: &str) -> Option<Optimization> {
    match text {
        "off" => Some(Optimization::Off),
        "basic" => Some(Optimization::Basic),
        "extended" => Some(Optimization::Extended),
        "all" => Some(Optimization::All),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Result<Settings, SettingError> {
        Settings::from_lookup(|name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn the_defaults_suit_less_than_two_vcpus() {
        let session = SessionOptions { intra_threads: 1, spinning: false, optimization: Optimization::All };
        let objects = ObjectOptions { timeout: Duration::from_secs(10) };
        let defaults = Settings { assets: None, session, objects };
        assert_eq!(with(&[]).unwrap(), defaults);
        assert_eq!(with(&[(ASSETS, ""), (INTRA_THREADS, ""), (SPINNING, "")]).unwrap(), defaults);
    }

    #[test]
    fn every_variable_is_read() {
        let variables = [
            (ASSETS, "/a"),
            (INTRA_THREADS, "64"),
            (SPINNING, "1"),
            (OPTIMIZATION, "basic"),
            (S3_TIMEOUT, "900"),
        ];
        let session = SessionOptions { intra_threads: 64, spinning: true, optimization: Optimization::Basic };
        let objects = ObjectOptions { timeout: Duration::from_secs(900) };
        assert_eq!(with(&variables).unwrap(), Settings { assets: Some("/a".into()), session, objects });
    }

    #[test]
    fn values_without_sense_are_refused() {
        for (name, value, expected) in [
            (INTRA_THREADS, "0", "a whole number from 1 to 64"),
            (INTRA_THREADS, "65", "a whole number from 1 to 64"),
            (INTRA_THREADS, "two", "a whole number from 1 to 64"),
            (SPINNING, "yes", "0 or 1"),
            (OPTIMIZATION, "3", "off, basic, extended or all"),
            (S3_TIMEOUT, "0", "a whole number from 1 to 900"),
            (S3_TIMEOUT, "901", "a whole number from 1 to 900"),
            (S3_TIMEOUT, "10s", "a whole number from 1 to 900"),
        ] {
            let message = with(&[(name, value)]).unwrap_err().to_string();
            assert_eq!(message, format!("{name} is {value:?}; expected {expected}"));
        }
    }
}
