//! Pictures in S3.
//!
//! The client is made when the first object is fetched, so that events without an object cost nothing. The client, its
//! connections and its credentials are kept from then on.

mod client;
mod error;
mod uri;

use std::panic;
use std::thread;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use function_core::error::with_causes;
use tokio::runtime::{self, Runtime};

use self::error::Problem;
pub use self::error::{
    ACCESS_DENIED, FETCH_FAILED, FETCH_TIMED_OUT, NO_SUCH_BUCKET, NO_SUCH_KEY, NOT_AN_IMAGE,
    OBJECT_TOO_LARGE, ObjectError, WRONG_REGION,
};
pub use self::uri::{BUCKET_FORM, KEY_FORM, ObjectUri, UriError};
use crate::image::{self, MAX_FILE_BYTES, Thumbnail};

/// How objects are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectOptions {
    /// What fetching one object may take in all.
    pub timeout: Duration,
}

impl Default for ObjectOptions {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(10) }
    }
}

/// S3, as AWS's ordinary environment variables and profiles describe it.
#[derive(Debug)]
pub struct ObjectStore {
    options: ObjectOptions,
    runtime: Option<Runtime>,
    client: Option<Client>,
}

impl ObjectStore {
    /// A store without a client.
    pub fn new(options: ObjectOptions) -> Self {
        Self { options, runtime: None, client: None }
    }

    /// Fetches an object and loads it as [`image::load`] loads a file. [`MAX_FILE_BYTES`] and [`ObjectOptions::timeout`]
    /// bound the fetch, whatever length S3 states and however slowly it sends.
    ///
    /// # Errors
    /// If the object cannot be fetched, exceeds a bound, or is not a picture.
    pub fn load(&mut self, object: &ObjectUri) -> Result<Thumbnail, ObjectError> {
        let loaded = self.fetch(object).and_then(|bytes| Ok(image::from_bytes(&bytes)?));
        loaded.map_err(|problem| ObjectError::new(object, problem))
    }

    /// Works on a new thread: the caller's thread may be running an async runtime, and no other one can block inside it.
    fn fetch(&mut self, object: &ObjectUri) -> Result<Vec<u8>, Problem> {
        let fetched = thread::scope(|scope| scope.spawn(|| self.fetch_here(object)).join());
        fetched.unwrap_or_else(|panic| panic::resume_unwind(panic))
    }

    fn fetch_here(&mut self, object: &ObjectUri) -> Result<Vec<u8>, Problem> {
        let Self { options: ObjectOptions { timeout }, runtime, client } = self;
        let runtime = match runtime {
            Some(runtime) => runtime,
            None => runtime.insert(start_runtime()?),
        };
        let fetching = async { tokio::time::timeout(*timeout, fetch(client, *timeout, object)).await };
        runtime.block_on(fetching).unwrap_or(Err(Problem::TimedOut(*timeout)))
    }
}

/// The process must not wait at its end for a host name that is still being looked up.
impl Drop for ObjectStore {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn start_runtime() -> Result<Runtime, Problem> {
    let started = runtime::Builder::new_current_thread().enable_all().build();
    started.map_err(|error| Problem::Transport(format!("cannot start the async runtime: {error}")))
}

async fn fetch(
    client: &mut Option<Client>,
    timeout: Duration,
    object: &ObjectUri,
) -> Result<Vec<u8>, Problem> {
    let client = match client {
        Some(client) => client,
        None => client.insert(client::connect(timeout).await?),
    };
    let answer = client.get_object().bucket(object.bucket()).key(object.key()).send().await?;
    match answer.content_length().map(u64::try_from) {
        Some(Ok(length)) if length > MAX_FILE_BYTES => Err(Problem::TooLarge),
        _ => read(answer.body).await,
    }
}

async fn read(mut body: ByteStream) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let broken = |error| {
        Problem::Transport(format!("the object could not be read to its end: {}", with_causes(&error)))
    };
    while let Some(chunk) = body.try_next().await.map_err(broken)? {
        if (bytes.len() + chunk.len()) as u64 > MAX_FILE_BYTES {
            return Err(Problem::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
