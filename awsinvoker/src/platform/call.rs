//! Calls and answers, whatever the platform.

use std::future::Future;

use run_record::Reply;

/// Something that can be called.
pub trait Call: Send + Sync + 'static {
    /// An answer as it came in.
    type Answer: Answer;

    /// Calls the endpoint of this index and waits for the complete answer.
    fn call(&self, endpoint: usize) -> impl Future<Output = Self::Answer> + Send;
}

/// An answer as it came in, not yet read: the time at which it was complete is taken first.
pub trait Answer: Send + 'static {
    /// Whether reading the answer takes so long that it would delay others on the same thread.
    fn is_large(&self) -> bool;

    /// Reads the answer. This may take milliseconds of CPU for an answer of megabytes.
    fn read(self) -> Reply;
}
