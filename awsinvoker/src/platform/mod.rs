//! Where functions are, and how they are called. Everything that is said of a platform stands here: its configuration,
//! addresses, client, the sorting of failures, and its description in `run.json`.
//!
//! A second platform joins with a folder beside `lambda`, and one arm in each of [`Config`], [`Platform`] and [`Answer`].

pub mod answer;
mod call;
mod description;
mod error;
mod http;
pub mod lambda;
mod local;
mod tools;

use run_record::Reply;

pub use call::{Answer, Call, ReadyConnection, SocketTimes};
pub(crate) use description::Description;
pub use error::{ConfigError, StartError};
pub use local::Programs;

use crate::cli::PlatformArgs;
use crate::plan::Plan;
use crate::plan::endpoints::Endpoint;
use local::LocalLambda;

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
    /// To be stopped after the run.
    pub(crate) local: Option<LocalLambda>,
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
            Self::Lambda(config) => {
                let (lambda, description, local) = config.start(endpoints).await?;
                Ok(Started { platform: Platform::Lambda(lambda), description, local })
            }
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

    fn socket_times(&self) -> SocketTimes {
        match self {
            Self::Lambda(answer) => answer.socket_times(),
        }
    }

    fn read(self) -> Reply {
        match self {
            Self::Lambda(answer) => answer.read(),
        }
    }
}
