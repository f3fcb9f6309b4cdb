//! The limit of open files.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many descriptors one environment and its client need at most.
const FILES_PER_ENVIRONMENT: u64 = 12;

/// Allows as many descriptors as possible. The usual soft limit of 1024 exists for programs that use `select`, which
/// this program does not.
pub(super) fn raise_open_files(concurrency: u32) {
    let limit = getrlimit(Resource::Nofile);
    let needed = FILES_PER_ENVIRONMENT * u64::from(concurrency);
    if let Some(maximum) = limit.maximum.filter(|maximum| *maximum < needed) {
        tracing::warn!(
            "at most {maximum} files may be open, {concurrency} requests at a time may need {needed}: raise the limit \
             (ulimit -Hn) or lower --concurrency"
        );
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!("cannot raise the limit of open files above {:?}: {error}", limit.current);
    }
}
