//! What a local Lambda serves, and within which limits.

use std::path::PathBuf;
use std::time::Duration;

/// The account that all functions belong to.
pub(crate) const ACCOUNT_ID: &str = "123456789012";

/// The only version of a function.
pub(crate) const VERSION: &str = "$LATEST";

/// A local Lambda: its functions and the limits of the account.
#[derive(Debug, Clone)]
pub struct Config {
    /// The functions, with names that differ.
    pub functions: Vec<FunctionConfig>,
    /// The region in ARNs and in the functions' `AWS_REGION`.
    pub region: String,
    /// How many requests are served at a time, over all functions; more are throttled.
    pub concurrency: usize,
    /// How long an environment stays without a request before it ends.
    pub idle_timeout: Duration,
    /// How long an environment may take to initialise before it is started anew within its first invocation.
    pub init_timeout: Duration,
    /// The pauses before an asynchronous event, of which the function made an error, is tried again.
    pub event_retries: Vec<Duration>,
    /// The program `lambda-local`, which is needed if a function is an image: a process of it outlives the server,
    /// however that ends, and removes what is left of it in Docker.
    pub reaper: Option<PathBuf>,
}

impl Config {
    /// `functions` in `us-east-1`, with the limits of an AWS account that has not asked for more.
    pub fn new(functions: Vec<FunctionConfig>) -> Self {
        Self {
            functions,
            region: "us-east-1".to_owned(),
            concurrency: 1000,
            idle_timeout: Duration::from_secs(300),
            init_timeout: Duration::from_secs(10),
            event_retries: vec![Duration::from_secs(60), Duration::from_secs(120)],
            reaper: None,
        }
    }
}

/// A function: a program that speaks the Runtime API.
#[derive(Debug, Clone)]
pub struct FunctionConfig {
    /// Its name in the Invoke API.
    pub name: String,
    /// What runs it.
    pub program: Program,
    /// Reported to the function and in its log, in MB (2^20 bytes). Containers are limited to it, and get the share of
    /// the CPUs that Lambda gives with it; processes are not limited.
    pub memory_mb: u32,
    /// How long one invocation may take.
    pub timeout: Duration,
    /// Environment variables beyond those that Lambda sets; these come last, so they win.
    pub environment: Vec<(String, String)>,
}

/// What runs a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// An executable on this machine, started without arguments in the folder that it lies in.
    Executable(PathBuf),
    /// The name of an image that Docker has; it is run as it says itself.
    Image(String),
}

impl FunctionConfig {
    /// A function with 512 MB that may take 30 s.
    pub fn new(name: impl Into<String>, program: Program) -> Self {
        Self {
            name: name.into(),
            program,
            memory_mb: 512,
            timeout: Duration::from_secs(30),
            environment: Vec::new(),
        }
    }

    /// The name of its image, if it is one.
    pub(crate) fn image(&self) -> Option<&str> {
        match &self.program {
            Program::Image(name) => Some(name),
            Program::Executable(_) => None,
        }
    }

    /// The function's Amazon resource name.
    pub(crate) fn arn(&self, region: &str) -> String {
        function_arn(region, &self.name)
    }
}

/// The ARN of the function `name`, whether it exists or not.
pub(crate) fn function_arn(region: &str, name: &str) -> String {
    format!("arn:aws:lambda:{region}:{ACCOUNT_ID}:function:{name}")
}
