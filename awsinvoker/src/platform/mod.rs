//! Where functions are, and how they are called. Everything that is said of a platform stands here: its configuration,
//! addresses, client, the sorting of failures, and its description in `run.json`.
//!
//! A second platform joins with a folder beside `lambda`, and one arm in each of [`Config`], [`Platform`] and [`Answer`].

pub mod answer;
pub mod lambda;
mod local;

use std::future::Future;

use run_record::Reply;
use run_record::run_info::FunctionInfo;

pub use lambda::client::ClientError;
pub use local::{LocalError, Programs};

use crate::cli::PlatformArgs;
use crate::plan::Plan;
use crate::plan::endpoints::Endpoint;
use local::LocalLambda;

/// Something that can be called.
pub trait Call: Send + Sync + 'static {
    /// An answer as it came in.
    type Answer: Answer;

    /// Calls the endpoint of this index and waits for the complete answer.
    fn call(&self, endpoint: usize) -> impl Future<Output = Self::Answer> + Send;
}

/// An answer as it came in, not yet read: the time at which it was complete is taken first.
pub trait Answer: Send + 'static {
    /// Whether reading the answer takes so long that it would delay others on the same thread.
    fn is_large(&self) -> bool;

    /// Reads the answer. This may take milliseconds of CPU for an answer of megabytes.
    fn read(self) -> Reply;
}

/// The configuration of a platform.
#[derive(Clone, Debug)]
pub enum Config {
    /// AWS Lambda, or a server that speaks its Invoke API.
    Lambda(lambda::Config),
}

/// A platform that is ready for calls.
#[derive(Debug)]
pub enum Platform {
    /// See [`Config::Lambda`].
    Lambda(lambda::Lambda),
}

/// An answer of a [`Platform`].
#[derive(Debug)]
pub enum PlatformAnswer {
    /// See [`Config::Lambda`].
    Lambda(lambda::LambdaAnswer),
}

/// A platform that is ready, with what was started for it.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) platform: Platform,
    pub(crate) description: Description,
    local: Option<LocalLambda>,
}

/// What `run.json` says of a platform.
#[derive(Clone, Debug, Default)]
pub(crate) struct Description {
    /// The platform and its address, for people.
    pub(crate) target: String,
    /// The functions of a local Lambda that was started for the run.
    pub(crate) functions: Vec<FunctionInfo>,
    /// `KEY=VALUE` for those functions.
    pub(crate) env: Vec<String>,
    /// Name and version of each library that speaks to the platform.
    pub(crate) versions: Vec<(String, String)>,
}

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
    #[error("--local: there is no program `{program}` in {folders}; {advice}")]
    NoProgram { program: String, folders: String, advice: String },
}

/// Why a platform is not ready for calls.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum StartError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Local(#[from] LocalError),
}

impl Config {
    /// Resolves the command line for the endpoints of a plan. `programs` finds what `--local` starts.
    ///
    /// # Errors
    /// A value cannot be used, an endpoint is not one of the platform, or a program is missing.
    pub fn resolve(args: &PlatformArgs, plan: &Plan, programs: &Programs) -> Result<Self, ConfigError> {
        lambda::Config::resolve(args, plan, programs).map(Self::Lambda)
    }

    /// Makes the platform ready for calls of these endpoints.
    pub(crate) async fn start(&self, endpoints: &[Endpoint]) -> Result<Started, StartError> {
        match self {
            Self::Lambda(config) => config.start(endpoints).await,
        }
    }
}

impl Call for Platform {
    type Answer = PlatformAnswer;

    async fn call(&self, endpoint: usize) -> PlatformAnswer {
        match self {
            Self::Lambda(lambda) => PlatformAnswer::Lambda(lambda.call(endpoint).await),
        }
    }
}

impl Answer for PlatformAnswer {
    fn is_large(&self) -> bool {
        match self {
            Self::Lambda(answer) => answer.is_large(),
        }
    }

    fn read(self) -> Reply {
        match self {
            Self::Lambda(answer) => answer.read(),
        }
    }
}

/// Ends what was started for the platform.
pub(crate) async fn stop(local: Option<LocalLambda>) {
    if let Some(local) = local {
        local.stop().await;
    }
}

impl Started {
    /// The platform apart from what has to be stopped after the run.
    pub(crate) fn split(self) -> (Platform, Description, Option<LocalLambda>) {
        (self.platform, self.description, self.local)
    }
}
