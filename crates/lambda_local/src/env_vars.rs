//! The environment variables that lambda-local reads. Nothing else in this crate reads the environment.

use std::ffi::OsString;

/// The address of the Docker daemon, for example `unix:///var/run/docker.sock`.
pub(crate) const DOCKER_HOST: &str = "DOCKER_HOST";

/// The folders in which programs are looked for whose names have no folder, as a shell does.
pub(crate) const PATH: &str = "PATH";

/// What is logged, in the syntax of `tracing_subscriber::EnvFilter`: `debug` adds the START, END and REPORT lines.
pub(crate) const RUST_LOG: &str = "RUST_LOG";

/// The folder for the files of images that run as processes.
pub(crate) const TMPDIR: &str = "TMPDIR";

/// AWS credentials. They are passed on to the functions, as Lambda passes on those of a function's role.
pub(crate) const CREDENTIALS: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

/// The value of a variable; `None` if it is not set or not UTF-8.
#[expect(clippy::disallowed_methods, reason = "this is the crate's door to the environment")]
pub(crate) fn get(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The value of a variable that need not be UTF-8; empty if it is not set.
#[expect(clippy::disallowed_methods, reason = "this is the crate's door to the environment")]
pub(crate) fn get_os(name: &str) -> OsString {
    std::env::var_os(name).unwrap_or_default()
}
