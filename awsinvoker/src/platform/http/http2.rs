//! One connection of HTTP/2, without negotiation or with TLS.

use std::fmt;
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use h2::Reason;
use h2::client::{Builder, SendRequest};
use http::{HeaderMap, Method, StatusCode, Uri, Version};
use hyper::body::Bytes;
use tokio::task::coop::unconstrained;

use super::connection::{Connection, ExchangeError, MAX_ANSWER_BYTES, Stream, advance};
use super::error::{CallError, ConnectError};
use super::marks::{Marked, Marks};

/// How much a server may send without waiting for the client: more than any answer has, so that it never waits.
const WINDOW_BYTES: u32 = 9 << 20;

/// More headers or trailers than this are refused.
const MAX_HEADERS_BYTES: u32 = 64 << 10;

/// HTTP on a stream.
type H2Connection = h2::client::Connection<Marked<Box<dyn Stream>>, Bytes>;

/// A connection of HTTP/2.
pub(in crate::platform) struct Http2 {
    sender: SendRequest<Bytes>,
    /// What moves the bytes. It is not polled after its end.
    connection: Option<Box<H2Connection>>,
    marks: Arc<Marks>,
    /// Whether an exchange has begun that did not end as it should.
    broken: bool,
}

/// What to send, by POST.
#[derive(Clone, Debug)]
pub(in crate::platform) struct Request {
    /// The whole address.
    pub(in crate::platform) uri: Uri,
    /// All headers but those that the address gives.
    pub(in crate::platform) headers: Arc<HeaderMap>,
    /// The body.
    pub(in crate::platform) body: Bytes,
}

/// An answer as it came in.
#[derive(Debug)]
pub(in crate::platform) struct Answer {
    pub(in crate::platform) status: StatusCode,
    pub(in crate::platform) headers: HeaderMap,
    pub(in crate::platform) body: Vec<u8>,
    /// Absent if the answer ended with its headers or its body.
    pub(in crate::platform) trailers: Option<HeaderMap>,
}

/// Why an exchange failed.
struct Failure {
    error: CallError,
    /// Whether the server said that it processed nothing, or was sent nothing.
    is_unprocessed: bool,
}

impl Connection for Http2 {
    type Request = Request;
    type Message = Request;
    type Answer = Answer;

    const ALPN: Option<&'static [u8]> = Some(b"h2");

    /// It does not wait for the server's settings: a request may be sent before they come.
    async fn open(stream: impl Stream) -> Result<Self, ConnectError> {
        let marks = Arc::new(Marks::new());
        let stream: Box<dyn Stream> = Box::new(stream);
        let io = Marked::of_frames(stream, Arc::clone(&marks));
        let handshake = Builder::new()
            .enable_push(false)
            .initial_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES)
            .max_header_list_size(MAX_HEADERS_BYTES)
            .handshake(io);
        let (sender, connection) = handshake.await.map_err(ConnectError::Http2)?;
        Ok(Self { sender, connection: Some(Box::new(connection)), marks, broken: false })
    }

    fn message(request: Request, _is_last: bool) -> Request {
        request
    }

    async fn is_usable(&mut self) -> bool {
        let look = poll_fn(|_| {
            // Nobody waits for a connection that is idle.
            let mut context = Context::from_waker(Waker::noop());
            advance(&mut self.connection, &mut context);
            let is_ready = matches!(self.sender.poll_ready(&mut context), Poll::Ready(Ok(())));
            Poll::Ready(is_ready && self.connection.is_some() && !self.broken)
        });
        // A task that has looked at many connections would be told that nothing has come in, not even the end.
        unconstrained(look).await
    }

    async fn exchange(&mut self, message: Request) -> Result<Answer, ExchangeError<Request>> {
        self.broken = true;
        let answer = self.send(&message).await.map_err(|failure| match failure {
            Failure { error, is_unprocessed: true } => ExchangeError::Unsent(Box::new(message), error),
            Failure { error, .. } => ExchangeError::Failed(error),
        })?;
        // A server may answer before it has the whole request. What is left of it would delay the next one.
        self.broken = self.marks.written.get().is_none();
        Ok(answer)
    }

    fn marks(&self) -> &Arc<Marks> {
        &self.marks
    }
}

impl Http2 {
    async fn send(&mut self, message: &Request) -> Result<Answer, Failure> {
        let mut head = http::Request::new(());
        *head.method_mut() = Method::POST;
        *head.uri_mut() = message.uri.clone();
        *head.version_mut() = Version::HTTP_2;
        *head.headers_mut() = HeaderMap::clone(&message.headers);
        let sent = self.sender.send_request(head, false);
        let (mut response, mut body) =
            sent.map_err(|error| Failure { error: CallError::Http2(error), is_unprocessed: true })?;
        body.send_data(message.body.clone(), true).map_err(|error| self.failure(error))?;
        let response = self.drive(|context| Pin::new(&mut response).poll(context)).await?;
        let (head, stream) = response.map_err(|error| self.failure(error))?.into_parts();
        let (body, trailers) = self.receive(stream).await?;
        Ok(Answer { status: head.status, headers: head.headers, body, trailers })
    }

    /// The body and the trailers.
    async fn receive(&mut self, mut stream: h2::RecvStream) -> Result<(Vec<u8>, Option<HeaderMap>), Failure> {
        let mut body = Vec::new();
        while let Some(data) = self.drive(|context| stream.poll_data(context)).await? {
            let data = data.map_err(|error| self.failure(error))?;
            if body.len() + data.len() > MAX_ANSWER_BYTES {
                let error = CallError::TooLarge(MAX_ANSWER_BYTES);
                return Err(Failure { error, is_unprocessed: false });
            }
            stream.flow_control().release_capacity(data.len()).map_err(|error| self.failure(error))?;
            body.extend_from_slice(&data);
        }
        let trailers = self.drive(|context| stream.poll_trailers(context)).await?;
        Ok((body, trailers.map_err(|error| self.failure(error))?))
    }

    /// Waits for something that happens on the connection.
    async fn drive<T>(&mut self, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Result<T, Failure> {
        poll_fn(|context| {
            // This task is woken for the connection, and then asks again. To be woken by the stream as well would make it
            // run twice.
            let mut unwoken = Context::from_waker(Waker::noop());
            if let Poll::Ready(output) = poll(&mut unwoken) {
                return Poll::Ready(Ok(output));
            }
            advance(&mut self.connection, context);
            match poll(&mut unwoken) {
                Poll::Ready(output) => Poll::Ready(Ok(output)),
                Poll::Pending if self.connection.is_none() => {
                    Poll::Ready(Err(Failure { error: CallError::Closed, is_unprocessed: false }))
                }
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    fn failure(&self, error: h2::Error) -> Failure {
        if self.marks.is_not_http2() {
            return Failure { error: CallError::NoHttp2, is_unprocessed: false };
        }
        // A GOAWAY reaches only those streams that the server did not process.
        let is_refused = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
        let is_unprocessed = error.is_remote() && (error.is_go_away() || is_refused);
        Failure { error: CallError::Http2(error), is_unprocessed }
    }
}

impl fmt::Debug for Http2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http2").field("marks", &self.marks).finish_non_exhaustive()
    }
}
