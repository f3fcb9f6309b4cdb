//! How many calls there may be at a time, and how much memory their requests may take.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use tokio::time::Sleep;
use tonic::Status;
use tonic::body::Body;
use tonic::server::NamedService;
use tower_service::Service;

use super::{deadline, trailers};

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
    /// A place for one more call, or `None` if there are too many.
    fn admit(self: &Arc<Self>) -> Option<Arc<Permit>> {
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

/// A service whose calls each have a [`Permit`], among the extensions of the request. What the service leaves as
/// [`trailers::Trailers`] among the extensions of the response is sent after the response.
#[derive(Debug, Clone)]
pub(crate) struct Admitted<S> {
    service: S,
    admission: Arc<Admission>,
}

impl<S> Admitted<S> {
    /// A service that shares `admission` with others.
    pub(crate) fn new(service: S, admission: &Arc<Admission>) -> Self {
        Self { service, admission: Arc::clone(admission) }
    }
}

impl<S: NamedService> NamedService for Admitted<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<Request<Body>> for Admitted<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Some(permit) = self.admission.admit() else {
            let status = Status::resource_exhausted(format!(
                "{MAX_CALLS} calls are served or wait already; call again later"
            ));
            return Box::pin(async { Ok(status.into_http()) });
        };
        let mut request = request.map(|body| {
            let deadline = Box::pin(tokio::time::sleep(MAX_ARRIVAL));
            Body::new(CountedBody { body, permit: Arc::clone(&permit), deadline })
        });
        request.extensions_mut().insert(permit);
        // tonic would end the call, too, but as one that was cancelled.
        let timeout = deadline::take(request.headers_mut());
        let response = self.service.call(request);
        Box::pin(async move {
            match timeout {
                Some(timeout) => match tokio::time::timeout(timeout, response).await {
                    Ok(response) => response.map(trailers::send),
                    Err(_) => Ok(Status::deadline_exceeded("the client's deadline has passed").into_http()),
                },
                None => response.await.map(trailers::send),
            }
        })
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

fn too_many_bytes() -> Status {
    Status::resource_exhausted(format!(
        "the requests that are served or wait have more than {MAX_BYTES} bytes; call again later"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Never answers, and tells whether it was shown the client's deadline.
    #[derive(Clone)]
    struct Silent(std::sync::mpsc::Sender<bool>);

    impl Service<Request<Body>> for Silent {
        type Response = Response<Body>;
        type Error = std::convert::Infallible;
        type Future = std::future::Pending<Result<Response<Body>, Self::Error>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request<Body>) -> Self::Future {
            self.0.send(request.headers().contains_key("grpc-timeout")).unwrap();
            std::future::pending()
        }
    }

    #[test]
    fn a_deadline_that_passes_is_told_as_such() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (sender, shown) = std::sync::mpsc::channel();
        let mut service = Admitted::new(Silent(sender), &Arc::default());
        let mut request = Request::new(Body::empty());
        request.headers_mut().insert("grpc-timeout", http::HeaderValue::from_static("1m"));
        let response = runtime.block_on(async { service.call(request).await }).unwrap();
        assert_eq!(response.headers()["grpc-status"], "4", "DEADLINE_EXCEEDED");
        assert!(!shown.recv().unwrap(), "tonic would answer CANCELLED");
    }

    #[test]
    fn calls_and_bytes_are_bounded_and_given_back() {
        let admission = Arc::new(Admission::default());
        let mut permits: Vec<_> = (0..MAX_CALLS).map(|_| admission.admit().unwrap()).collect();
        assert!(admission.admit().is_none());
        permits.truncate(2);
        assert!(admission.admit().is_some());
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
