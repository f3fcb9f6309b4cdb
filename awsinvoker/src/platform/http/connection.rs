//! What a connection is, whichever version of HTTP it speaks.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;

use tokio::io::{AsyncRead, AsyncWrite};

use super::error::{CallError, ConnectError};
use super::marks::Marks;

/// Functions answer with at most 6 MiB, and a service's errors are far shorter.
pub(super) const MAX_ANSWER_BYTES: usize = 8 << 20;

/// A stream that connections are made of.
pub(in crate::platform) trait Stream:
    AsyncRead + AsyncWrite + Send + Unpin + 'static
{
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for S {}

/// A connection that a request can be written to, and that has one exchange at a time. Whoever waits for something on it
/// also drives it.
pub(in crate::platform) trait Connection: fmt::Debug + Send + Sized + 'static {
    /// What to send, by POST.
    type Request: Send;
    /// The same in the form in which it is sent.
    type Message: Send;
    /// What comes back.
    type Answer: Send;

    /// How TLS has to name the protocol; `None` if it need not be named.
    const ALPN: Option<&'static [u8]>;

    /// A connection on a stream that is open.
    fn open(stream: impl Stream) -> impl Future<Output = Result<Self, ConnectError>> + Send;

    /// What is sent for a request. The server is told if it is the last one on its connection.
    fn message(request: Self::Request, is_last: bool) -> Self::Message;

    /// Whether another message can be sent. Notices what the system knows of the other side.
    fn is_usable(&mut self) -> impl Future<Output = bool> + Send;

    /// Sends a message and waits for the complete answer.
    fn exchange(
        &mut self,
        message: Self::Message,
    ) -> impl Future<Output = Result<Self::Answer, ExchangeError<Self::Message>>> + Send;

    /// What the current exchange has seen of the stream.
    fn marks(&self) -> &Arc<Marks>;
}

/// Moves the bytes of a connection, and forgets it at its end, since it must not be polled after that. An error reaches
/// whoever waits for an answer as well.
pub(super) fn advance<C: Future + Unpin>(connection: &mut Option<Box<C>>, context: &mut Context<'_>) {
    if let Some(moved) = connection
        && Pin::new(moved).poll(context).is_ready()
    {
        *connection = None;
    }
}

/// Why an exchange gave no answer.
#[derive(Debug)]
pub(in crate::platform) enum ExchangeError<M> {
    /// The server processed nothing of the message. Here it is.
    Unsent(Box<M>, CallError),
    /// The message may have been processed.
    Failed(CallError),
}
