//! Functions behind gRPC, served by tonic: they do what the name says.
//!
//! The bench, which uses a part of it, includes this file too.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::task::{Context, Poll};
use std::time::Duration;

use tonic::codegen::{BoxFuture, Service};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status};
use tonic_prost::ProstCodec;

/// More than any message of the tests.
const MAX_BYTES: usize = 32 << 20;

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct HelloRequest {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct HelloReply {
    #[prost(string, tag = "1")]
    pub(crate) message: String,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct FaasRequest {
    #[prost(string, tag = "1")]
    message: String,
    #[prost(uint32, tag = "2")]
    runtime_in_milli_sec: u32,
    #[prost(uint32, tag = "3")]
    memory_in_mebi_bytes: u32,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct FaasReply {
    #[prost(string, tag = "1")]
    message: String,
    #[prost(uint32, tag = "2")]
    duration_in_micro_sec: u32,
    #[prost(uint32, tag = "3")]
    memory_usage_in_kb: u32,
}

/// Serves on the listener until the process ends.
pub(crate) async fn serve(listener: TcpListener) {
    listener.set_nonblocking(true).unwrap();
    let incoming = TcpIncoming::from(tokio::net::TcpListener::from_std(listener).unwrap());
    let server = Server::builder().add_service(Greeter).add_service(Executor);
    server.serve_with_incoming(incoming.with_nodelay(Some(true))).await.unwrap();
}

/// Serves from a thread of this process, on a port of its own.
pub(crate) fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(serve(listener));
    });
    address
}

/// `status CODE` fails with this code, `error TYPE` as a function does, `delay MS` waits, `big BYTES` answers at length, and
/// an event is answered with JSON.
async fn say_hello(name: &str) -> Result<String, Status> {
    let number = |text: &str| text.parse::<u32>().unwrap();
    match name.split_once(' ') {
        Some(("status", code)) => {
            Err(Status::new(Code::from(i32::try_from(number(code)).unwrap()), "café 100%"))
        }
        Some(("error", kind)) => {
            let mut status = Status::internal(format!("{kind}: it failed"));
            status.metadata_mut().insert("function-error-type", kind.parse().unwrap());
            Err(status)
        }
        Some(("delay", ms)) => {
            tokio::time::sleep(Duration::from_millis(u64::from(number(ms)))).await;
            Ok("late".to_owned())
        }
        Some(("big", bytes)) => Ok("x".repeat(number(bytes) as usize)),
        _ if name.starts_with('{') => Ok(format!(r#"{{"latency": 0.25, "bytes": {}}}"#, name.len())),
        _ => Ok(format!("Hello, {name}!")),
    }
}

#[derive(Clone)]
struct Greeter;

#[derive(Clone)]
struct Executor;

impl NamedService for Greeter {
    const NAME: &'static str = "helloworld.Greeter";
}

impl NamedService for Executor {
    const NAME: &'static str = "faas.Executor";
}

impl UnaryService<HelloRequest> for Greeter {
    type Response = HelloReply;
    type Future = BoxFuture<Response<HelloReply>, Status>;

    fn call(&mut self, request: Request<HelloRequest>) -> Self::Future {
        Box::pin(async move {
            let message = say_hello(&request.get_ref().name).await?;
            Ok(Response::new(HelloReply { message }))
        })
    }
}

impl UnaryService<FaasRequest> for Executor {
    type Response = FaasReply;
    type Future = BoxFuture<Response<FaasReply>, Status>;

    fn call(&mut self, request: Request<FaasRequest>) -> Self::Future {
        let FaasRequest { message, runtime_in_milli_sec, memory_in_mebi_bytes } = request.into_inner();
        let reply = FaasReply {
            message,
            duration_in_micro_sec: runtime_in_milli_sec * 1000,
            memory_usage_in_kb: memory_in_mebi_bytes * 1024,
        };
        Box::pin(async { Ok(Response::new(reply)) })
    }
}

type Body = tonic::body::Body;

impl Service<http::Request<Body>> for Greeter {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let codec = ProstCodec::<HelloReply, HelloRequest>::default();
            Ok(Grpc::new(codec).max_decoding_message_size(MAX_BYTES).unary(Self, request).await)
        })
    }
}

impl Service<http::Request<Body>> for Executor {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            Ok(Grpc::new(ProstCodec::<FaasReply, FaasRequest>::default()).unary(Self, request).await)
        })
    }
}
