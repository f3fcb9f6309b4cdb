//! What can be wrong with an endpoints file.

use std::path::PathBuf;

use super::template::TemplateError;
use crate::cli::DEFAULT_ENDPOINTS_FILE;

/// More different endpoints than this are refused: each may need some forty histograms of 264 KiB.
pub const MAX_ENDPOINTS: usize = 100;

/// Larger files are refused; the greatest payload that Lambda accepts has 6 MiB.
pub const MAX_FILE_BYTES: u64 = 64 << 20;

/// More slots in a round are refused: entries times their weights.
pub(super) const MAX_SLOTS: u64 = 1_000_000;

/// Why an endpoints file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EndpointsError {
    /// There is no file of the default name.
    #[error(
        "{DEFAULT_ENDPOINTS_FILE}, which is read if --endpoints-file is not given: cannot be read: {0}; make one like \
         [{{\"hostname\": \"chameleon\"}}], or give --local, which calls the functions of this project without one"
    )]
    NoDefault(std::io::Error),
    /// The file cannot be read.
    #[error("--endpoints-file {}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is too large.
    #[error("--endpoints-file {}: larger than {MAX_FILE_BYTES} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The content is wrong.
    #[error("--endpoints-file {}: {source}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ContentError,
    },
}

/// Why the content of an endpoints file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// Not the expected JSON.
    #[error("expected a JSON array of objects like {{\"hostname\": \"chameleon\"}}: {0}")]
    Json(#[from] serde_json::Error),
    /// No entry at all.
    #[error("the array is empty, expected at least one entry like {{\"hostname\": \"chameleon\"}}")]
    Empty,
    /// An entry without `hostname`.
    #[error("entry {index}: `hostname` is missing, expected the name of what to call")]
    NoHostname {
        /// Position in the array, from 0.
        index: usize,
    },
    /// A key with the wrong kind of value.
    #[error("entry {index}: `{key}` is {value}, expected {expected}")]
    Type {
        /// Position in the array, from 0.
        index: usize,
        /// The key.
        key: &'static str,
        /// Its value, shortened.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// The label is the name of another endpoint.
    #[error(
        "entry {index}: `label` is `{label}`, which is the name of another endpoint too, expected a name of its own"
    )]
    Label {
        /// Position in the array, from 0.
        index: usize,
        /// The label.
        label: String,
    },
    /// Two keys that exclude one another.
    #[error("entry {index}: both `{first}` and `{second}` are given, expected one of them")]
    Both {
        /// Position in the array, from 0.
        index: usize,
        /// One key.
        first: &'static str,
        /// The other key.
        second: &'static str,
    },
    /// A key that such an endpoint does not have.
    #[error("entry {index}: `{key}` is given, expected none for {kind}")]
    Misplaced {
        /// Position in the array, from 0.
        index: usize,
        /// The key.
        key: &'static str,
        /// What kind of endpoint it is.
        kind: &'static str,
    },
    /// An asynchronous call that cannot be made.
    #[error(
        "entry {index}: `eventing` is true, expected false for a function behind gRPC: its calls end with its answer, and \
         vSwarm's own way of learning when an event was handled needs a service in the cluster"
    )]
    Eventing {
        /// Position in the array, from 0.
        index: usize,
    },
    /// An entry whose function has no default payload.
    #[error(
        "entry {index}: `payload` is missing, expected an object like {{\"runtime_ms\": 100, \"memory_mib\": 64}} for the \
         protocol executor"
    )]
    NoPayload {
        /// Position in the array, from 0.
        index: usize,
    },
    /// A payload with placeholders cannot be used.
    #[error("entry {index}: {source}")]
    Template {
        /// Position in the array, from 0.
        index: usize,
        /// Why not.
        source: TemplateError,
    },
    /// The file of a payload cannot be used.
    #[error("entry {index}: `payload_file` {path}: {problem}")]
    PayloadFile {
        /// Position in the array, from 0.
        index: usize,
        /// The file as the entry names it.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The platform would refuse the payload.
    #[error(
        "entry {index}: the payload has {bytes} bytes, expected at most {limit}, which is Lambda's limit for {how}"
    )]
    TooLarge {
        /// Position in the array, from 0.
        index: usize,
        /// Its size.
        bytes: usize,
        /// The greatest size.
        limit: usize,
        /// Which calls it is for.
        how: &'static str,
    },
    /// Too many different endpoints.
    #[error("entry {index}: one more than {MAX_ENDPOINTS} different endpoints, expected at most that many")]
    TooMany {
        /// Position in the array, from 0.
        index: usize,
    },
    /// Too many entries.
    #[error(
        "the weights of all entries are {slots} together, expected at most {MAX_SLOTS}; an entry without one has 1"
    )]
    TooManySlots {
        /// Entries times their weights.
        slots: u64,
    },
}
