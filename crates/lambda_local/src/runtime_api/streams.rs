//! Replies that a runtime streams: passed on chunk by chunk, or gathered for a client that does not want a stream.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::http::HeaderMap;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;

use crate::config::{MAX_REPLY_BYTES, MAX_STREAMED_BYTES};
use crate::http_body::discard;
use crate::outcome::{Failure, Outcome};
use crate::reply_stream::ReplyStream;

const ERROR_TYPE: &str = "lambda-runtime-function-error-type";
const ERROR_BODY: &str = "lambda-runtime-function-error-body";

/// The connection ended before the body did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Incomplete;

/// Where the replies go to the requests that the runtime has and whose clients want streams.
#[derive(Debug, Clone, Default)]
pub(super) struct Streams(Arc<Mutex<HashMap<String, ReplyStream>>>);

impl Streams {
    pub(super) fn put(&self, request_id: &str, stream: &ReplyStream) {
        self.map().insert(request_id.to_owned(), stream.clone());
    }

    /// The stream of a request, for the only reply that it gets.
    pub(super) fn take(&self, request_id: &str) -> Option<ReplyStream> {
        self.map().remove(request_id)
    }

    fn map(&self) -> MutexGuard<'_, HashMap<String, ReplyStream>> {
        // Each change is one step, so a panic elsewhere leaves the map whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Passes on a streamed body as fast as the client takes it. The outcome of success is empty: the client has the reply.
pub(super) async fn relay(mut body: Body, stream: &ReplyStream) -> Result<Outcome, Incomplete> {
    let mut passed = 0;
    while let Some(frame) = body.frame().await {
        match frame.map_err(|_| Incomplete)?.into_data() {
            Ok(chunk) if chunk.is_empty() => {}
            Ok(chunk) if chunk.len() > MAX_STREAMED_BYTES - passed => {
                discard(body).await;
                return Ok(Err(Failure::StreamTooLarge));
            }
            Ok(chunk) => {
                passed += chunk.len();
                stream.send(chunk).await;
            }
            Err(frame) => {
                if let Some(failure) = frame.trailers_ref().and_then(failure) {
                    return Ok(Err(failure));
                }
            }
        }
    }
    Ok(Ok(Bytes::new()))
}

/// Gathers a body, streamed or not.
pub(super) async fn gather(mut body: Body) -> Result<Outcome, Incomplete> {
    let mut gathered = BytesMut::new();
    while let Some(frame) = body.frame().await {
        match frame.map_err(|_| Incomplete)?.into_data() {
            Ok(chunk) if chunk.len() > MAX_REPLY_BYTES - gathered.len() => {
                drop(gathered);
                discard(body).await;
                return Ok(Err(Failure::ReplyTooLarge));
            }
            Ok(chunk) => gathered.extend_from_slice(&chunk),
            Err(frame) => {
                if let Some(failure) = frame.trailers_ref().and_then(failure) {
                    return Ok(Err(failure));
                }
            }
        }
    }
    Ok(Ok(gathered.freeze()))
}

/// The error that the trailers of a streamed body report. Its body is in base64.
fn failure(trailers: &HeaderMap) -> Option<Failure> {
    let error_type = trailers.get(ERROR_TYPE)?;
    let body = trailers.get(ERROR_BODY).map_or(&b""[..], |body| body.as_bytes());
    let details = BASE64_STANDARD.decode(body).unwrap_or_else(|_| body.to_owned());
    let error_type = String::from_utf8_lossy(error_type.as_bytes()).into_owned();
    Some(Failure::StreamFailed { error_type, details: details.into() })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::http::HeaderName;
    use futures_util::stream;
    use http_body::Frame;
    use http_body_util::StreamBody;

    use super::*;

    /// A body of these chunks, and trailers if there are any.
    fn body(chunks: &[&'static str], trailers: &[(&'static str, &str)]) -> Body {
        let trailers =
            trailers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        let trailers = HeaderMap::from_iter(trailers);
        let data = chunks.iter().map(|chunk| Frame::data(Bytes::from_static(chunk.as_bytes())));
        let frames = data.chain((!trailers.is_empty()).then(|| Frame::trailers(trailers)));
        let frames = frames.map(Ok::<_, Infallible>).collect::<Vec<_>>();
        Body::new(StreamBody::new(stream::iter(frames)))
    }

    fn failed(details: &str) -> Outcome {
        let details = Bytes::from(details.to_owned());
        Err(Failure::StreamFailed { error_type: "T".to_owned(), details })
    }

    #[tokio::test]
    async fn chunks_are_passed_on_or_gathered_and_errors_come_in_trailers() {
        let encoded = [(ERROR_TYPE, "T"), (ERROR_BODY, "e30=")];
        for (chunks, trailers, outcome) in [
            (&["a", "", "bc"][..], &[][..], Ok("abc")),
            (&[], &[], Ok("")),
            (&["a"], &[("x-other", "1")], Ok("a")),
            (&["a", "b"], &encoded, Err("{}")),
            (&["ab"], &[(ERROR_TYPE, "T"), (ERROR_BODY, "no base64!")], Err("no base64!")),
            (&["ab"], &[(ERROR_TYPE, "T")], Err("")),
        ] {
            let expected = outcome.map_or_else(failed, |reply| Ok(Bytes::from(reply)));
            assert_eq!(gather(body(chunks, trailers)).await, Ok(expected), "{chunks:?} {trailers:?}");

            let (stream, mut out) = ReplyStream::new();
            let (relayed, passed) = tokio::join!(
                async {
                    let relayed = relay(body(chunks, trailers), &stream).await;
                    drop(stream);
                    relayed
                },
                async {
                    let mut passed = Vec::new();
                    while let Some(chunk) = out.recv().await {
                        passed.push(chunk);
                    }
                    passed
                }
            );
            let expected = outcome.map_or_else(failed, |_| Ok(Bytes::new()));
            assert_eq!(relayed, Ok(expected), "{chunks:?} {trailers:?}");
            assert!(passed.iter().all(|chunk| !chunk.is_empty()));
            assert_eq!(passed.concat(), chunks.concat().as_bytes());
        }
    }

    #[tokio::test]
    async fn a_gathered_reply_has_the_limit_of_every_reply() {
        let large = |bytes| Body::from(vec![0; bytes]);
        assert_eq!(gather(large(MAX_REPLY_BYTES)).await.unwrap().unwrap().len(), MAX_REPLY_BYTES);
        assert_eq!(gather(large(MAX_REPLY_BYTES + 1)).await, Ok(Err(Failure::ReplyTooLarge)));
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_stops_the_runtime() {
        let (stream, mut out) = ReplyStream::new();
        let chunks = futures_util::StreamExt::map(stream::iter(0..1000), |_| {
            Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"x")))
        });
        let relaying = tokio::spawn(async move { relay(Body::new(StreamBody::new(chunks)), &stream).await });
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(!relaying.is_finished() && out.len() <= 2, "{} chunks are held", out.len());
        out.recv().await.unwrap();
        // A client that leaves does not stop it.
        drop(out);
        assert_eq!(relaying.await.unwrap(), Ok(Ok(Bytes::new())));
    }
}
