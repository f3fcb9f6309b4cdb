//! The response to a client that wants its reply as a stream.

use std::io;
use std::mem;

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream;

use super::answer::{EXECUTED_VERSION, Ending, ending};
use super::event_stream::{invoke_complete, payload_chunk};
use crate::config::VERSION;
use crate::invocation::Reply;
use crate::refusal::Refusal;
use crate::reply_stream::Chunks;
use crate::service::PendingReply;

/// What is still to come of a response.
enum Rest {
    /// Chunks, until the reply is there.
    Open(Chunks, BoxFuture<'static, Reply>),
    /// The chunks that came before the reply.
    Closing(Chunks, Box<Ending>),
    /// The reply as a whole, if the runtime did not stream it.
    Whole(Bytes, Box<Ending>),
    Complete(Box<Ending>),
    Nothing,
}

/// Responds with what the runtime streams, and with how that ends. A reply that is not streamed is one chunk.
///
/// # Errors
/// If no environment could serve the request.
pub(super) async fn respond(
    reply: PendingReply,
    mut chunks: Chunks,
    request_id: String,
    wants_log: bool,
) -> Result<Response, Refusal> {
    let mut reply: BoxFuture<'static, Reply> = Box::pin(reply.wait());
    // Until the first chunk, the request can still be refused.
    let (first, rest) = tokio::select! {
        biased;
        Some(chunk) = chunks.recv() => (Some(chunk), Rest::Open(chunks, reply)),
        reply = &mut reply => (None, Rest::closing(chunks, reply, &request_id, wants_log)?),
    };
    let first = first.map(payload_chunk);
    let rest = stream::unfold(rest, move |rest| {
        let request_id = request_id.clone();
        async move { rest.next(&request_id, wants_log).await }
    });
    let body = futures_util::StreamExt::chain(stream::iter(first), rest);
    let mut response = Response::new(Body::from_stream(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/vnd.amazon.eventstream"));
    headers.insert(EXECUTED_VERSION, HeaderValue::from_static(VERSION));
    Ok(response)
}

impl Rest {
    fn closing(mut chunks: Chunks, reply: Reply, request_id: &str, wants_log: bool) -> Result<Self, Refusal> {
        let ending = ending(reply, request_id, wants_log)?;
        // What has been sent comes out, and nothing more can be sent.
        chunks.close();
        Ok(Self::Closing(chunks, Box::new(ending)))
    }

    /// The next message, and what comes after it.
    async fn next(mut self, request_id: &str, wants_log: bool) -> Option<(io::Result<Bytes>, Self)> {
        loop {
            self = match self {
                Self::Open(mut chunks, mut reply) => tokio::select! {
                    biased;
                    Some(chunk) = chunks.recv() => {
                        return Some((payload_chunk(chunk), Self::Open(chunks, reply)));
                    }
                    reply = &mut reply => match Self::closing(chunks, reply, request_id, wants_log) {
                        Ok(rest) => rest,
                        // The client has a part of the reply. It learns of the failure by a connection that breaks.
                        Err(refusal) => {
                            let error = io::Error::other(format!("the reply ended early: {refusal:?}"));
                            return Some((Err(error), Self::Nothing));
                        }
                    },
                },
                Self::Closing(mut chunks, mut ending) => match chunks.recv().await {
                    Some(chunk) => return Some((payload_chunk(chunk), Self::Closing(chunks, ending))),
                    None => Self::Whole(mem::take(&mut ending.reply), ending),
                },
                Self::Whole(reply, ending) if reply.is_empty() => Self::Complete(ending),
                Self::Whole(reply, ending) => return Some((payload_chunk(reply), Self::Complete(ending))),
                Self::Complete(ending) => return Some((invoke_complete(&ending.complete), Self::Nothing)),
                Self::Nothing => return None,
            };
        }
    }
}
