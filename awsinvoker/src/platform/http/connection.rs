//! One connection, and one exchange on it at a time.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::coop::unconstrained;

use super::error::{CallError, ConnectError};
use super::marks::{Marked, Marks};
use crate::clock::Moment;

/// Answers of Lambda have at most 6 MiB, and a service's errors far less.
const MAX_ANSWER_BYTES: usize = 8 << 20;

/// A request with its whole body.
pub(super) type FullRequest = http::Request<Full<Bytes>>;

/// HTTP on a stream.
type HttpConnection = http1::Connection<TokioIo<Marked<Box<dyn Stream>>>, Full<Bytes>>;

/// A stream that connections are made of.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for S {}

/// A connection that a request can be written to. Whoever waits for something on it also drives it.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: Driver,
    pub(super) marks: Arc<Marks>,
    /// When it became idle.
    pub(super) idle_since: Moment,
}

/// What moves the bytes of a connection. It is not polled after its end.
struct Driver {
    connection: Option<Box<HttpConnection>>,
}

/// An answer as it came in.
#[derive(Debug)]
pub(in crate::platform) struct Answer {
    pub(in crate::platform) status: StatusCode,
    pub(in crate::platform) headers: HeaderMap,
    pub(in crate::platform) body: Vec<u8>,
}

/// Why an exchange gave no answer.
#[derive(Debug)]
pub(super) enum ExchangeError {
    /// Nothing of the request was written. Here it is.
    Unsent(Box<FullRequest>, CallError),
    /// The request may have been processed.
    Failed(CallError),
}

impl Connection {
    /// HTTP/1.1 on a stream.
    pub(super) async fn new(stream: impl Stream) -> Result<Self, ConnectError> {
        let marks = Arc::new(Marks::new());
        let stream: Box<dyn Stream> = Box::new(stream);
        let io = TokioIo::new(Marked::new(stream, Arc::clone(&marks)));
        let (sender, connection) = http1::handshake(io).await.map_err(ConnectError::Http)?;
        let driver = Driver { connection: Some(Box::new(connection)) };
        Ok(Self { sender, driver, marks, idle_since: Moment::now() })
    }

    /// Whether another request can be written to it. Notices what the system knows of the other side.
    pub(super) async fn is_usable(&mut self) -> bool {
        let Self { sender, driver, .. } = self;
        let look = poll_fn(|context| {
            driver.poll(context);
            Poll::Ready(driver.connection.is_some() && sender.is_ready())
        });
        // A task that has looked at many connections would be told that nothing has come in, not even the end.
        unconstrained(look).await
    }

    /// Sends a request and waits for the complete answer.
    pub(super) async fn exchange(&mut self, request: FullRequest) -> Result<Answer, ExchangeError> {
        let answer = self.sender.try_send_request(request);
        let answer = self.driver.drive(answer).await.map_err(|mut error| match error.take_message() {
            Some(request) => ExchangeError::Unsent(Box::new(request), CallError::Http(error.into_error())),
            None => ExchangeError::Failed(CallError::Http(error.into_error())),
        })?;
        let (head, body) = answer.into_parts();
        let body = self.driver.drive(collect(body)).await.map_err(ExchangeError::Failed)?;
        Ok(Answer { status: head.status, headers: head.headers, body })
    }
}

impl Driver {
    /// Waits for something that happens on the connection.
    async fn drive<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|context| {
            // First, so that the connection knows what is waited for; and again, for what it brought.
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(output);
            }
            self.poll(context);
            future.as_mut().poll(context)
        })
        .await
    }

    /// Moves bytes. An error reaches whoever waits for an answer as well.
    fn poll(&mut self, context: &mut Context<'_>) {
        if let Some(connection) = &mut self.connection
            && Pin::new(connection).poll(context).is_ready()
        {
            self.connection = None;
        }
    }
}

async fn collect(mut body: Incoming) -> Result<Vec<u8>, CallError> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > MAX_ANSWER_BYTES {
        return Err(CallError::TooLarge(MAX_ANSWER_BYTES));
    }
    let mut bytes = Vec::with_capacity(announced);
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(CallError::Http)?.into_data() {
            if bytes.len() + data.len() > MAX_ANSWER_BYTES {
                return Err(CallError::TooLarge(MAX_ANSWER_BYTES));
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("marks", &self.marks).finish_non_exhaustive()
    }
}
