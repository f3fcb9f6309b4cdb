//! HTTP/1.1 as a measuring client needs it: it tells when what happened at the socket, and does nothing unasked for.
//!
//! A connection is driven by the call that uses it, not by a task of its own. So nothing is handed from task to task on
//! the way of a request, and a connection that a server closed is noticed when it is taken.

mod client;
mod connection;
mod connector;
mod error;
mod marks;
mod origin;
mod pool;
mod proxy;
mod tls;

pub(super) use client::{Answer, Client, Exchange, Request, Settings};
pub(super) use error::CallError;
pub(super) use origin::Origin;
pub(super) use tls::{TlsError, Trust};
