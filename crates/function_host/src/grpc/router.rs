//! Which service a call is for.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, Uri};
use hyper::body::Incoming;
use tonic::Status;
use tonic::body::Body;
use tonic::server::NamedService;
use tower_service::Service;

use super::admission::Admission;
use super::{deadline, trailers};

/// What the services of tonic return. It never fails: errors are statuses in the response.
type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// The services of the server, by their names.
///
/// tonic's own router is not used: its server brings the client's half of HTTP/2 into the programs, and the parts of two web
/// frameworks, together a fifth of chameleon's image.
#[derive(Debug, Default)]
pub(crate) struct Router {
    routes: Vec<Route>,
}

/// A service, and what its calls need to be admitted.
struct Route {
    name: &'static str,
    admission: Option<Arc<Admission>>,
    call: Call,
}

/// Calls a service.
type Call = Arc<dyn Fn(Request<Body>) -> Answer + Send + Sync>;

impl Router {
    /// Adds a service whose calls are served without a limit of their number.
    pub(crate) fn add<S>(self, service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future = Answer>,
        S: NamedService + Clone + Send + Sync + 'static,
    {
        self.with(service, None)
    }

    /// Adds a service whose calls are admitted by `admission`, which other services may share.
    pub(crate) fn add_admitted<S>(self, service: S, admission: &Arc<Admission>) -> Self
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future = Answer>,
        S: NamedService + Clone + Send + Sync + 'static,
    {
        self.with(service, Some(Arc::clone(admission)))
    }

    /// Serves calls for the service `other` by the service `name`, which has to be there already. The two have the same methods
    /// and messages.
    pub(crate) fn add_alias(mut self, other: &'static str, name: &'static str) -> Self {
        let service = self.routes.iter().find(|route| route.name == name);
        if let Some(Route { call, admission, .. }) = service {
            let (call, admission) = (Arc::clone(call), admission.clone());
            let call = Arc::new(move |mut request: Request<Body>| match renamed(request.uri(), name) {
                Some(uri) => {
                    *request.uri_mut() = uri;
                    call(request)
                }
                None => refuse(Status::unimplemented("")),
            });
            self.routes.push(Route { name: other, admission, call });
        }
        self
    }

    fn with<S>(mut self, service: S, admission: Option<Arc<Admission>>) -> Self
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future = Answer>,
        S: NamedService + Clone + Send + Sync + 'static,
    {
        // The services that tonic generates are always ready.
        let call = Arc::new(move |request| service.clone().call(request));
        self.routes.push(Route { name: S::NAME, admission, call });
        self
    }

    /// Answers a call, or its headers say why not.
    fn answer(&self, request: Request<Body>) -> Answer {
        let service = service_of(request.uri().path());
        let Some(route) = self.routes.iter().find(|route| Some(route.name) == service) else {
            return refuse(Status::unimplemented(""));
        };
        let timeout = deadline::timeout(request.headers());
        let request = match &route.admission {
            Some(admission) => admission.admit(request),
            None => Ok(request),
        };
        match request {
            Ok(request) => Box::pin(in_time((route.call)(request), timeout)),
            Err(status) => refuse(status),
        }
    }
}

impl hyper::service::Service<Request<Incoming>> for Router {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        self.answer(request.map(Body::new))
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The name of the service in `/SERVICE/METHOD`.
fn service_of(path: &str) -> Option<&str> {
    Some(path.strip_prefix('/')?.split_once('/')?.0)
}

/// The same method of another service.
fn renamed(uri: &Uri, service: &str) -> Option<Uri> {
    let (_, method) = uri.path().strip_prefix('/')?.split_once('/')?;
    Uri::try_from(format!("/{service}/{method}")).ok()
}

/// The answer with its trailers, or the status that says that the client's deadline has passed.
async fn in_time(answer: Answer, timeout: Option<Duration>) -> Result<Response<Body>, Infallible> {
    let response = match timeout {
        Some(timeout) => tokio::time::timeout(timeout, answer).await,
        None => Ok(answer.await),
    };
    match response {
        Ok(response) => response.map(trailers::send),
        Err(_) => Ok(Status::deadline_exceeded("the client's deadline has passed").into_http()),
    }
}

fn refuse(status: Status) -> Answer {
    Box::pin(ready(Ok(status.into_http())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_part_of_a_path_names_the_service() {
        for (path, service) in [
            ("/helloworld.Greeter/SayHello", Some("helloworld.Greeter")),
            ("/helloworld.Greeter/", Some("helloworld.Greeter")),
            ("/helloworld.Greeter/a/b", Some("helloworld.Greeter")),
            ("//SayHello", Some("")),
            ("/helloworld.Greeter", None),
            ("helloworld.Greeter/SayHello", None),
            ("/", None),
            ("*", None),
            ("", None),
        ] {
            assert_eq!(service_of(path), service, "{path}");
        }
    }

    #[test]
    fn a_deadline_that_passes_is_told_as_such() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let answer: Answer = Box::pin(std::future::pending());
        let response = runtime.block_on(in_time(answer, Some(Duration::from_millis(1)))).unwrap();
        assert_eq!(response.headers()["grpc-status"], "4", "DEADLINE_EXCEEDED");
    }

    #[test]
    fn an_alias_has_the_methods_of_the_service() {
        let found = |uri| renamed(&Uri::from_static(uri), "a.B").map(|uri| uri.to_string());
        assert_eq!(found("http://[::1]:50051/c.D/Method"), Some("/a.B/Method".to_owned()));
        assert_eq!(found("/c.D/x/y?z"), Some("/a.B/x/y".to_owned()));
        assert_eq!(found("/c.D"), None);
    }
}
