//! One connection of HTTP/1.1.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use http::header::CONNECTION;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::task::coop::unconstrained;

use super::connection::{Connection, ExchangeError, MAX_ANSWER_BYTES, Stream, advance};
use super::error::{CallError, ConnectError};
use super::marks::{Marked, Marks};

/// HTTP on a stream.
type HttpConnection = http1::Connection<TokioIo<Marked<Box<dyn Stream>>>, Full<Bytes>>;

/// A connection of HTTP/1.1.
pub(in crate::platform) struct Http1 {
    sender: SendRequest<Full<Bytes>>,
    driver: Driver,
    marks: Arc<Marks>,
}

/// What moves the bytes of a connection. It is not polled after its end.
struct Driver {
    connection: Option<Box<HttpConnection>>,
}

/// What to send, by POST.
#[derive(Clone, Debug)]
pub(in crate::platform) struct Request {
    /// Path and query.
    pub(in crate::platform) uri: Uri,
    /// All headers.
    pub(in crate::platform) headers: HeaderMap,
    /// The body.
    pub(in crate::platform) body: Bytes,
}

/// An answer as it came in.
#[derive(Debug)]
pub(in crate::platform) struct Answer {
    pub(in crate::platform) status: StatusCode,
    pub(in crate::platform) headers: HeaderMap,
    pub(in crate::platform) body: Vec<u8>,
}

impl Connection for Http1 {
    type Request = Request;
    type Message = http::Request<Full<Bytes>>;
    type Answer = Answer;

    /// Servers that are not asked for another version speak this one.
    const ALPN: Option<&'static [u8]> = None;

    async fn open(stream: impl Stream) -> Result<Self, ConnectError> {
        let marks = Arc::new(Marks::new());
        let stream: Box<dyn Stream> = Box::new(stream);
        let io = TokioIo::new(Marked::new(stream, Arc::clone(&marks)));
        let (sender, connection) = http1::handshake(io).await.map_err(ConnectError::Http)?;
        let driver = Driver { connection: Some(Box::new(connection)) };
        Ok(Self { sender, driver, marks })
    }

    fn message(request: Request, is_last: bool) -> Self::Message {
        let mut message = http::Request::new(Full::new(request.body));
        *message.method_mut() = Method::POST;
        *message.uri_mut() = request.uri;
        *message.headers_mut() = request.headers;
        if is_last {
            message.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        message
    }

    async fn is_usable(&mut self) -> bool {
        let Self { sender, driver, .. } = self;
        let look = poll_fn(|context| {
            advance(&mut driver.connection, context);
            Poll::Ready(driver.connection.is_some() && sender.is_ready())
        });
        // A task that has looked at many connections would be told that nothing has come in, not even the end.
        unconstrained(look).await
    }

    async fn exchange(&mut self, message: Self::Message) -> Result<Answer, ExchangeError<Self::Message>> {
        let answer = self.sender.try_send_request(message);
        let answer = self.driver.drive(answer).await.map_err(|mut error| match error.take_message() {
            Some(message) => ExchangeError::Unsent(Box::new(message), CallError::Http(error.into_error())),
            None => ExchangeError::Failed(CallError::Http(error.into_error())),
        })?;
        let (head, body) = answer.into_parts();
        let body = self.driver.drive(collect(body)).await.map_err(ExchangeError::Failed)?;
        Ok(Answer { status: head.status, headers: head.headers, body })
    }

    fn marks(&self) -> &Arc<Marks> {
        &self.marks
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
            advance(&mut self.connection, context);
            future.as_mut().poll(context)
        })
        .await
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

impl fmt::Debug for Http1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http1").field("marks", &self.marks).finish_non_exhaustive()
    }
}
