//! What a local Lambda serves, and within which limits.

use std::num::NonZero;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The account that all functions belong to.
pub(crate) const ACCOUNT_ID: &str = "123456789012";

/// The only version of a function.
pub(crate) const VERSION: &str = "$LATEST";

/// How many requests an environment of Managed Instances may serve at a time.
pub(crate) const MAX_CONCURRENCY: RangeInclusive<u32> = 1..=1600;

/// The longest name of a function, in characters.
pub(crate) const MAX_NAME: usize = 64;

/// How much memory the requests that wait for an environment may take, in bytes.
pub(crate) const MAX_WAITING_BYTES: usize = 256 * 1024 * 1024;

/// The largest reply that Lambda delivers, in bytes.
pub(crate) const MAX_REPLY_BYTES: usize = 6_291_556;

/// The largest reply that Lambda streams, in bytes.
pub(crate) const MAX_STREAMED_BYTES: usize = 200 * 1024 * 1024;

/// The memory that a function can have, in MB (2^20 bytes).
pub(crate) const MEMORY_MB: RangeInclusive<u32> = 128..=10_240;

/// How long an invocation may be allowed to take, in seconds.
pub(crate) const TIMEOUT_S: RangeInclusive<u64> = 1..=900;

/// How many requests at a time a function can reserve.
pub(crate) const RESERVED: RangeInclusive<u32> = 0..=10_000;

/// How many environments of a function can be provisioned.
pub(crate) const PROVISIONED: RangeInclusive<u32> = 1..=10_000;

/// A local Lambda: its functions and the limits of the account.
#[derive(Debug, Clone)]
pub struct Config {
    /// The functions. No two have the same name.
    pub functions: Vec<FunctionConfig>,
    /// The region in ARNs and in the functions' `AWS_REGION`.
    pub region: String,
    /// The variables that hold the credentials of the functions. They win over the placeholders that the functions get
    /// otherwise, and the variables of a function win over them. No API shows them.
    pub credentials: Vec<(String, String)>,
    /// How many requests are under way at a time, over all functions. Further requests are throttled.
    pub concurrency: usize,
    /// How many environments initialise at a time, over all functions. Further ones wait, so that they do not slow down
    /// one another. Lambda has no such limit: every environment has a machine of its own there.
    pub initialising: usize,
    /// How long an environment stays without a request before it ends.
    pub idle_timeout: Duration,
    /// How long the first initialisation of an environment may take. If it fails, the first invocation repeats it.
    pub init_timeout: Duration,
    /// The pauses before an asynchronous event is tried again after its invocation failed.
    pub event_retries: Vec<Duration>,
    /// Whether environments are replaced when their program or image changes.
    pub watch: bool,
    /// The program `lambda-local`, which every server needs. One process of it starts those of the functions. For
    /// functions in images, another one outlives the server, however the server ends, and removes what the server left
    /// in Docker.
    pub helper: Option<PathBuf>,
    /// The origins of web pages that may call the functions, such as `http://localhost:3000`. Requests of all other
    /// pages are refused.
    pub allowed_origins: Vec<String>,
    /// The names of this machine, beside `localhost` and its address, that requests may have as their `Host`.
    pub allowed_hosts: Vec<String>,
}

impl Config {
    /// `functions` in `us-east-1`, with the default limits of an AWS account.
    pub fn new(functions: Vec<FunctionConfig>) -> Self {
        Self {
            functions,
            region: "us-east-1".to_owned(),
            credentials: Vec::new(),
            concurrency: 1000,
            initialising: std::thread::available_parallelism().map_or(1, NonZero::get),
            idle_timeout: Duration::from_secs(300),
            init_timeout: Duration::from_secs(10),
            event_retries: vec![Duration::from_secs(60), Duration::from_secs(120)],
            watch: false,
            helper: None,
            allowed_origins: Vec::new(),
            allowed_hosts: Vec::new(),
        }
    }
}

/// A function: a program that speaks the Runtime API.
#[derive(Debug, Clone)]
pub struct FunctionConfig {
    /// The function's name in the Invoke API.
    pub name: String,
    /// What runs the function.
    pub program: Program,
    /// The memory in MB (2^20 bytes) that the function and its log are told. A container is limited to it, and gets
    /// the share of the CPUs that Lambda gives with it. A process is not limited.
    pub memory_mb: u32,
    /// How long one invocation may take.
    pub timeout: Duration,
    /// How many requests an environment serves at a time, as on Lambda's Managed Instances. `None` for ordinary
    /// environments, which serve one.
    pub max_concurrency: Option<NonZero<usize>>,
    /// Environment variables beyond those that Lambda sets. They win over those that Lambda sets.
    pub environment: Vec<(String, String)>,
    /// How many requests the function serves at a time, if it shares them with no other function. `None`: it shares
    /// what the others leave.
    pub reserved_concurrency: Option<usize>,
    /// How many environments are started ahead of requests and kept.
    pub provisioned_concurrency: usize,
}

impl FunctionConfig {
    /// A function with 512 MB that may take 30 s.
    pub fn new(name: impl Into<String>, program: Program) -> Self {
        Self {
            name: name.into(),
            program,
            memory_mb: 512,
            timeout: Duration::from_secs(30),
            max_concurrency: None,
            environment: Vec::new(),
            reserved_concurrency: None,
            provisioned_concurrency: 0,
        }
    }

    /// The function's Amazon resource name.
    pub(crate) fn arn(&self, region: &str) -> String {
        function_arn(region, &self.name)
    }
}

/// What runs a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// A program on this machine.
    Command {
        /// The executable.
        program: PathBuf,
        /// The arguments that the executable gets. `_HANDLER` is the last one, or the executable's name if there is
        /// none.
        arguments: Vec<String>,
        /// The working folder.
        folder: PathBuf,
    },
    /// The name of an image that Docker has. Its ENTRYPOINT and CMD say what is run.
    Image(String),
    /// The name of an image that Docker has. Its program runs as a process, which sees the files of the image as the
    /// root of its file system.
    ImageAsProcess(String),
}

impl Program {
    /// The executable at this absolute path, run without arguments in the folder that it lies in.
    pub fn executable(path: impl Into<PathBuf>) -> Self {
        let program = path.into();
        let folder = program.parent().unwrap_or(Path::new("/")).to_owned();
        Self::Command { program, arguments: Vec::new(), folder }
    }
}

/// The ARN of the function `name`, whether the function exists or not.
pub(crate) fn function_arn(region: &str, name: &str) -> String {
    format!("arn:aws:lambda:{region}:{ACCOUNT_ID}:function:{name}")
}

/// Whether Lambda accepts `name` as the name of a function: 1 to 64 letters, digits, `-` and `_`.
pub(crate) fn is_function_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}
