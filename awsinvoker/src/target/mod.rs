//! What is being loaded: it takes one call and says how it ended.

pub mod answer;
mod client;
mod failure;
pub mod function_name;
mod lambda;
pub mod log_tail;

pub use client::{ClientError, Credentials, LambdaConfig};
pub use lambda::{LambdaAnswer, LambdaTarget};

use crate::sample::Outcome;

/// Something that can be called.
#[derive(Debug)]
pub enum Target {
    /// AWS Lambda, or a server that speaks its Invoke API.
    Lambda(LambdaTarget),
}

/// An answer as it came in, not yet looked at.
#[derive(Debug)]
pub enum Answer {
    /// Of [`Target::Lambda`].
    Lambda(LambdaAnswer),
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// How the call ended.
    pub outcome: Outcome,
    /// The request id that the service gave.
    pub request_id: Option<String>,
    /// The latency that the function reported, in seconds.
    pub function_latency_s: Option<f64>,
    /// Whether the function had to be started.
    pub cold: Option<bool>,
    /// How long the start took, in nanoseconds.
    pub init_ns: Option<u64>,
    /// What went wrong.
    pub error: Option<String>,
}

impl Target {
    /// Calls the endpoint of this index and waits for the complete answer.
    pub async fn call(&self, endpoint: usize) -> Answer {
        match self {
            Self::Lambda(target) => Answer::Lambda(target.call(endpoint).await),
        }
    }
}

impl Answer {
    /// Reads the answer. This may take milliseconds of CPU for one of megabytes, see [`Answer::is_large`].
    pub fn read(self) -> Reply {
        match self {
            Self::Lambda(answer) => answer.read(),
        }
    }

    /// Whether reading it takes so long that it would delay others on the same thread.
    pub fn is_large(&self) -> bool {
        match self {
            Self::Lambda(answer) => answer.payload_bytes() > 64 << 10,
        }
    }
}
