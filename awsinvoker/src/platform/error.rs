//! Why a platform cannot be configured or started.

use std::io;
use std::path::PathBuf;

/// What of the command line or the endpoints file does not suit the platform.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum ConfigError {
    #[error("{flag} is {value}, expected {expected}")]
    Value { flag: &'static str, value: String, expected: String },
    #[error(
        "--endpoints-file {path}: entry {index}: `hostname` is `{hostname}`, expected a Lambda function: \
         NAME, ACCOUNT:function:NAME or arn:aws:lambda:REGION:ACCOUNT:function:NAME, each with or without :QUALIFIER"
    )]
    Hostname { path: String, index: usize, hostname: String },
    #[error(
        "--endpoints-file {path}: entry {index}: `{key}` is given, which is for functions that --local starts, expected \
         --local, and {expected} in the entry"
    )]
    NotLocal { path: String, index: usize, key: &'static str, expected: &'static str },
    #[error(
        "--endpoints-file {path}: entry {index}: `memory_mb` is given for a program behind gRPC, expected none, or an \
         `image`: a process that is started without a container has no limit of its memory"
    )]
    Unlimited { path: String, index: usize },
    #[error(
        "--endpoints-file {path}: entries {} and {}: the function `{function}` has {} and {}, expected one of them; \
         another `hostname` makes it another function", entries[0], entries[1], values[0], values[1]
    )]
    Contradiction { path: String, entries: [usize; 2], function: String, values: [String; 2] },
    #[error(
        "--endpoints-file {path}: entry {index}: `program` is `{program}`, expected the path of a program with a slash, \
         relative to the folder of the endpoints file, or the name of one beside awsinvoker or in PATH"
    )]
    EntryProgram { path: String, index: usize, program: String },
    #[error("--endpoints-file {path}: entry {index}: {reason}")]
    Grpc { path: String, index: usize, reason: String },
    #[error("--endpoints-file {path}: entry {index}: {reason}")]
    Restart { path: String, index: usize, reason: String },
    #[error("--local: there is no program `{program}` in {folders}; {advice}")]
    NoProgram { program: String, folders: String, advice: String },
}

/// Why a platform is not ready for calls.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum StartError {
    #[error("no AWS region is configured: give --region, set AWS_REGION, or add one to the profile")]
    NoRegion,
    #[error(
        "no AWS credentials were found; configure a profile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY ({0})"
    )]
    NoCredentials(String),
    #[error("profile {name}: there is no such profile in AWS's configuration files; they have: {known}")]
    NoProfile { name: String, known: String },
    #[error("AWS's configuration files cannot be used: {0}")]
    Profiles(String),
    #[error("there is nothing to call: the list of endpoints is empty")]
    NoEndpoint,
    #[error("{address}: no call can be made: {reason}")]
    Request { address: String, reason: String },
    #[error("TLS cannot be used: {0}")]
    Tls(String),
    #[error("{0}")]
    NoClient(String),
    #[error("--http 2: {address}: {reason}; leave --http out to speak HTTP/1.1")]
    NoHttp2 { address: String, reason: String },
    #[error("--warm-connections: {0}")]
    NotWarmed(String),
    #[error("{target}: {source}")]
    Target { target: String, source: Box<Self> },
    #[error("{}: cannot be started: {source}", program.display())]
    Program { program: PathBuf, source: io::Error },
    #[error("{}: not ready: {reason}", program.display())]
    NotReady { program: PathBuf, reason: String },
    #[error("{function}: no instance is ready: {reason}")]
    NoInstance { function: String, reason: String },
    #[error(
        "{0}; fresh environments need Lambda's operations GetFunctionConfiguration and UpdateFunctionConfiguration, and \
         the permission to use them"
    )]
    Restart(String),
}
