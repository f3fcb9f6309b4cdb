//! The way of a streamed reply from the runtime to the client, chunk by chunk.
//!
//! Few chunks are under way at a time. If the client does not read, the runtime cannot write, and no more is held here.

use bytes::Bytes;
use tokio::sync::mpsc;

/// How many chunks may wait for the client.
const CHUNKS: usize = 2;

/// Where the chunks of a reply go.
#[derive(Debug, Clone)]
pub(crate) struct ReplyStream(mpsc::Sender<Bytes>);

/// Where they come out.
pub(crate) type Chunks = mpsc::Receiver<Bytes>;

impl ReplyStream {
    pub(crate) fn new() -> (Self, Chunks) {
        let (sender, chunks) = mpsc::channel(CHUNKS);
        (Self(sender), chunks)
    }

    /// Sends a chunk as soon as there is room. If the client has left, nobody needs it.
    pub(crate) async fn send(&self, chunk: Bytes) {
        let _ = self.0.send(chunk).await;
    }
}

impl PartialEq for ReplyStream {
    fn eq(&self, other: &Self) -> bool {
        self.0.same_channel(&other.0)
    }
}

impl Eq for ReplyStream {}
