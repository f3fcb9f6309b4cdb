//! Metadata that is sent after a successful response, which tonic does for errors alone.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body::{Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

/// The metadata, among the extensions of a response.
#[derive(Debug, Clone)]
pub(crate) struct Trailers(pub(crate) HeaderMap);

/// Has the [`Trailers`] among the response's extensions sent after its body.
pub(crate) fn send(mut response: Response<Body>) -> Response<Body> {
    match response.extensions_mut().remove() {
        Some(Trailers(trailers)) => response.map(|body| Body::new(WithTrailers { body, trailers })),
        None => response,
    }
}

/// A body with more trailers than it has itself.
struct WithTrailers {
    body: Body,
    trailers: HeaderMap,
}

impl http_body::Body for WithTrailers {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let mut frame = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &mut frame
            && let Some(trailers) = frame.trailers_mut()
        {
            trailers.extend(std::mem::take(&mut self.trailers));
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
