//! The Runtime API: what the runtime in an environment asks of Lambda. Every environment has an address of its own.
//!
//! - `protocol` decides what each call means. It does no I/O and knows no clock.
//! - `routes` turns HTTP requests into calls, and answers into HTTP responses.
//! - `streams` passes on what a runtime streams.
//! - `listener` lets in only the program that the API is for.

mod caller;
mod listener;
mod protocol;
mod routes;
mod server;
mod streams;

pub(crate) use self::caller::{Caller, IncomingCall, ReplyTo};
pub(crate) use self::protocol::{Answer, Event, News, Protocol, Verdict};
pub(crate) use self::server::RuntimeApi;

#[cfg(test)]
pub(crate) use self::protocol::Call;
