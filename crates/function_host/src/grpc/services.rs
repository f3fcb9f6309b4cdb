//! The services `helloworld.Greeter` and `faas.Executor`.

use std::sync::Arc;
use std::time::Duration;

use function_core::FunctionError;
use function_core::error::INVALID_EVENT;
use tonic::metadata::{AsciiMetadataValue, MetadataMap};
use tonic::{Request, Response, Status};

use super::admission::Permit;
use super::failure;
use super::greeting::NameMeaning;
use super::instance::Instance;
use super::proto::faas::executor_server::Executor;
use super::proto::faas::{FaasReply, FaasRequest};
use super::proto::helloworld::greeter_server::Greeter;
use super::proto::helloworld::{HelloReply, HelloRequest};
use super::trailers::Trailers;
use super::workers::{Failure, Work, Workers};
use crate::clock;

/// What W3C's Trace Context calls the position of a call in its trace.
const TRACEPARENT: &str = "traceparent";
/// A longer one is not sent back; the standard's own form has 55 bytes.
const MAX_TRACEPARENT: usize = 128;
/// How much of vHive's metadata is logged, in bytes.
const MAX_LOGGED: usize = 1024;
/// How long an Executor may be kept busy: as long as Lambda lets any function run.
const MAX_SPIN: Duration = Duration::from_secs(900);

/// The services. Clones serve the same function.
#[derive(Debug, Clone)]
pub(crate) struct Services {
    pub(crate) instance: Arc<Instance>,
    pub(crate) workers: Workers,
    /// The event that a name stands for.
    pub(crate) event_of_name: fn(&str) -> &'static str,
}

/// What a handler has done for a call.
struct Served {
    text: String,
    ran: Duration,
    trailers: MetadataMap,
}

#[tonic::async_trait]
impl Greeter for Services {
    async fn say_hello(&self, request: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
        let (metadata, mut extensions, HelloRequest { name, v_hive_metadata }) = request.into_parts();
        log_call(&metadata, &v_hive_metadata);
        let sample = (self.event_of_name)(&name);
        let (work, greeting) = match NameMeaning::parse(name) {
            NameMeaning::Event(event) => (Work::Answer(event), None),
            NameMeaning::Greeting(greeting) => (Work::Sample(sample), Some(greeting)),
        };
        let served = self.serve(work, &metadata, extensions.remove()).await?;
        let Served { text, trailers, .. } = served;
        Ok(with_trailers(HelloReply { message: greeting.unwrap_or(text) }, trailers))
    }
}

#[tonic::async_trait]
impl Executor for Services {
    async fn execute(&self, request: Request<FaasRequest>) -> Result<Response<FaasReply>, Status> {
        let (metadata, mut extensions, request) = request.into_parts();
        log_call(&metadata, &[]);
        let duration = Duration::from_millis(request.runtime_in_milli_sec.into());
        if duration > MAX_SPIN {
            return Err(failure::status(too_long(request.runtime_in_milli_sec), MetadataMap::new()));
        }
        let served = self.serve(Work::Spin(duration), &metadata, extensions.remove()).await?;
        let reply = FaasReply {
            message: String::new(),
            duration_in_micro_sec: u32::try_from(served.ran.as_micros()).unwrap_or(u32::MAX),
            memory_usage_in_kb: request.memory_in_mebi_bytes.saturating_mul(1024),
        };
        Ok(with_trailers(reply, served.trailers))
    }
}

impl Services {
    /// Has `work` done, in the order of arrival.
    async fn serve(
        &self,
        work: Work,
        metadata: &MetadataMap,
        permit: Option<Arc<Permit>>,
    ) -> Result<Served, Status> {
        let request = self.instance.count(clock::now());
        let done = self.workers.run(work, request.at, permit).await;
        let done =
            done.ok_or_else(|| Status::internal("the function has no handler left; start it again"))?;
        let mut trailers = self.instance.metadata(request, &done);
        if let Some(traceparent) = traceparent(metadata) {
            trailers.insert(TRACEPARENT, traceparent.clone());
        }
        match done.result {
            Ok(text) => Ok(Served { text, ran: done.ran, trailers }),
            Err(failure) => Err(failure::status(failure, trailers)),
        }
    }
}

fn with_trailers<T>(message: T, trailers: MetadataMap) -> Response<T> {
    let mut response = Response::new(message);
    response.extensions_mut().insert(Trailers(trailers.into_headers()));
    response
}

fn traceparent(metadata: &MetadataMap) -> Option<&AsciiMetadataValue> {
    metadata.get(TRACEPARENT).filter(|value| value.as_encoded_bytes().len() <= MAX_TRACEPARENT)
}

/// A function that calls no other has nobody to hand these to, but the log.
fn log_call(metadata: &MetadataMap, v_hive_metadata: &[u8]) {
    tracing::debug!(
        traceparent = traceparent(metadata).and_then(|value| value.to_str().ok()),
        v_hive_metadata = %String::from_utf8_lossy(&v_hive_metadata[..v_hive_metadata.len().min(MAX_LOGGED)]),
        "a call",
    );
}

fn too_long(milliseconds: u32) -> Failure {
    let limit = MAX_SPIN.as_millis();
    Failure::Refused(FunctionError {
        error_type: INVALID_EVENT,
        message: format!("`runtimeInMilliSec` is {milliseconds}; expected at most {limit}"),
    })
}
