//! Functions behind gRPC, as vHive, vSwarm and invitro run them on Knative.
//!
//! A call is one unary call over HTTP/2, with TLS or without any negotiation (`h2c`). There is no library for gRPC here:
//! what such a call needs is a few headers and a frame of five bytes, and only so is it known what happens when at the
//! socket.
//!
//! A connection carries one call at a time, although HTTP/2 would carry more. So no call waits behind the frames of
//! another, and what happens on a connection belongs to one call. With `--connections pooled`, a call takes an idle
//! connection, or makes one; with `per-call`, each call makes its own, as vSwarm's invoker does. An idle connection answers
//! no PING; a server that closes it for that is called on a fresh one.
//!
//! The times of a call: a connection is ready when a request may be written to it, which HTTP/2 allows before the settings
//! of the server have come. The request is written when the last byte of its frame that ends the stream was handed to the
//! system. The first byte is that of the answer's HEADERS; settings and acknowledgements do not count. The last byte is
//! that of the trailers.
//!
//! Nothing is sent twice that a server may have processed. A call that its server refused to process (GOAWAY,
//! REFUSED_STREAM) on a connection that was idle is sent again on a fresh one, once.

mod balance;
mod client;
mod endpoint;
pub mod message;
mod replace;
mod reply;
mod server;
mod status;
mod told;

pub(super) use balance::Balanced;
pub use client::{Config, Grpc, GrpcAnswer};
pub use endpoint::{EndpointError, GrpcEndpoint, Service};
pub(super) use replace::Replacement;
pub(super) use server::Server;
