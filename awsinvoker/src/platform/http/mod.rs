//! HTTP as a measuring client needs it: it tells when what happened at the socket, and does nothing unasked for.
//!
//! A connection is driven by the call that uses it, not by a task of its own. So nothing is handed from task to task on
//! the way of a request, and a connection that a server closed is noticed when it is taken. It carries one call at a time,
//! with HTTP/2 as with HTTP/1.1: then all that happens on it belongs to that call, and no call waits for another's bytes.

mod client;
mod connection;
mod connector;
mod error;
mod frames;
mod http1;
pub(super) mod http2;
mod marks;
mod origin;
mod pool;
mod proxy;
mod tls;

pub(super) use client::{Client, Exchange, Settings};
pub(super) use error::{CallError, not_http1};
pub(super) use http1::{Answer, Request};
pub(super) use origin::Origin;
pub(super) use tls::{TlsError, Trust};
