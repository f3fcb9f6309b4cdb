//! Calls and answers, whatever the platform.

use std::future::Future;

use run_record::{Arrival, Handshake, Reply};

use crate::clock::{Clock, Moment};

/// An answer with a larger body takes so long to read that it would delay others on the same thread, in bytes.
pub(super) const LARGE_BYTES: usize = 64 << 10;

/// Something that can be called.
pub trait Call: Send + Sync + 'static {
    /// An answer as it came in.
    type Answer: Answer;

    /// Calls the endpoint of this index and waits for the complete answer. The number of the call decides what a template
    /// sends.
    fn call(&self, endpoint: usize, number: u64) -> impl Future<Output = Self::Answer> + Send;

    /// Makes the call of an arrival: it may depend on the time at which it was due which environments are called.
    fn call_due(&self, arrival: Arrival) -> impl Future<Output = Self::Answer> + Send {
        self.call(arrival.endpoint, arrival.number)
    }

    /// Has the next call of this endpoint meet a fresh environment. False if that failed, or cannot be.
    fn make_cold(&self, endpoint: usize, clock: Clock) -> impl Future<Output = bool> + Send {
        let _ = (endpoint, clock);
        std::future::ready(false)
    }
}

/// An answer as it came in, not yet read: the time at which it was complete is taken first.
pub trait Answer: Send + 'static {
    /// Whether reading the answer takes so long that it would delay others on the same thread.
    fn is_large(&self) -> bool;

    /// What happened at the socket.
    fn socket_times(&self) -> SocketTimes;

    /// SHA-256, in hexadecimal, of what the function answered without the latency that it reports; absent if nothing was
    /// answered that can be compared.
    fn digest(&self) -> Option<String>;

    /// Reads the answer. This may take milliseconds of CPU for an answer of megabytes.
    fn read(self) -> Reply;
}

/// What tests answer with: it is read already.
#[cfg(test)]
impl Answer for Reply {
    fn is_large(&self) -> bool {
        false
    }

    fn socket_times(&self) -> SocketTimes {
        SocketTimes::default()
    }

    fn digest(&self) -> Option<String> {
        None
    }

    fn read(self) -> Reply {
        self
    }
}

/// What happened at the socket of one call. What did not happen, or is not known, is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketTimes {
    /// The connection that the call went over.
    pub connection: Option<ReadyConnection>,
    /// When the last byte of the request was handed to the system.
    pub written: Option<Moment>,
    /// When the first byte of the answer had come in.
    pub first_byte: Option<Moment>,
    /// When a complete answer had come in.
    pub last_byte: Option<Moment>,
}

/// A connection that a request can be written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadyConnection {
    /// When the request could be written.
    pub ready: Moment,
    /// How the connection was made, if it was made for this call.
    pub handshake: Option<Handshake>,
}
