//! How many calls there may be at a time, and how much memory their requests may take.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body::Frame;
use tokio::time::Sleep;
use tonic::Status;
use tonic::body::Body;

/// How many calls are served or wait, of all connections together.
pub(crate) const MAX_CALLS: usize = 1024;
/// How many bytes the requests of these calls have together.
pub(crate) const MAX_BYTES: usize = 64 << 20;
/// How long a request may take to arrive.
const MAX_ARRIVAL: Duration = Duration::from_secs(60);

/// What all calls take together.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    calls: AtomicUsize,
    bytes: AtomicUsize,
}

/// The place that one call takes until this is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    admission: Arc<Admission>,
    bytes: AtomicUsize,
}

impl Admission {
    /// The request with a [`Permit`] among its extensions. Its body is counted as it arrives, and has to arrive in time.
    ///
    /// # Errors
    /// The status for the client if there are too many calls.
    pub(crate) fn admit(self: &Arc<Self>, request: Request<Body>) -> Result<Request<Body>, Status> {
        let permit = self.permit().ok_or_else(too_many_calls)?;
        let mut request = request.map(|body| {
            let deadline = Box::pin(tokio::time::sleep(MAX_ARRIVAL));
            Body::new(CountedBody { body, permit: Arc::clone(&permit), deadline })
        });
        request.extensions_mut().insert(permit);
        Ok(request)
    }

    /// A place for one more call, or `None` if there are too many.
    fn permit(self: &Arc<Self>) -> Option<Arc<Permit>> {
        let before = self.calls.fetch_add(1, Ordering::Relaxed);
        // Dropped again if it is one too many.
        let permit = Permit { admission: Arc::clone(self), bytes: AtomicUsize::new(0) };
        (before < MAX_CALLS).then(|| Arc::new(permit))
    }
}

impl Permit {
    /// Notes that `bytes` more of the request have arrived, and whether there is room for them.
    fn take(&self, bytes: usize) -> bool {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.admission.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= MAX_BYTES
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.admission.calls.fetch_sub(1, Ordering::Relaxed);
        self.admission.bytes.fetch_sub(*self.bytes.get_mut(), Ordering::Relaxed);
    }
}

/// The body of a request, counted as it arrives.
struct CountedBody {
    body: Body,
    permit: Arc<Permit>,
    deadline: Pin<Box<Sleep>>,
}

impl http_body::Body for CountedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Pending => self.deadline.as_mut().poll(context).map(|()| {
                let seconds = MAX_ARRIVAL.as_secs();
                Some(Err(Status::deadline_exceeded(format!("the request did not arrive within {seconds} s"))))
            }),
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                Poll::Ready(Some(if self.permit.take(length) { Ok(frame) } else { Err(too_many_bytes()) }))
            }
            other => other,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

fn too_many_calls() -> Status {
    Status::resource_exhausted(format!("{MAX_CALLS} calls are served or wait already; call again later"))
}

fn too_many_bytes() -> Status {
    Status::resource_exhausted(format!(
        "the requests that are served or wait have more than {MAX_BYTES} bytes; call again later"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_and_bytes_are_bounded_and_given_back() {
        let admission = Arc::new(Admission::default());
        let mut permits: Vec<_> = (0..MAX_CALLS).map(|_| admission.permit().unwrap()).collect();
        assert!(admission.permit().is_none());
        permits.truncate(2);
        assert!(admission.permit().is_some());
        assert!(permits[0].take(MAX_BYTES - 1));
        assert!(permits[1].take(1));
        assert!(!permits[1].take(1));
        drop(permits.remove(1));
        assert!(permits[0].take(1));
        drop(permits);
        assert_eq!(admission.calls.load(Ordering::Relaxed), 0);
        assert_eq!(admission.bytes.load(Ordering::Relaxed), 0);
    }
}
