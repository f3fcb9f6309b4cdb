//! A server that speaks the Invoke API and does what the function's name says: for outcomes that a real local Lambda
//! does not produce, and for the benchmark, where it must cost as little as possible.
//!
//! The bench, which uses a part of it, includes this file too.

use std::future::pending;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use http_body::Frame;

/// What the functions report as their own latency.
pub(crate) const LATENCY_S: &str = "0.00123456789012345";

const LOG_WARM: &str = "START RequestId: r Version: $LATEST\nEND RequestId: r\nREPORT RequestId: r\tDuration: 1.30 ms\t\
    Billed Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\t\n";
const LOG_COLD: &str = "REPORT RequestId: r\tDuration: 1.30 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\t\
    Max Memory Used: 36 MB\tInit Duration: 110.10 ms\t\n";

/// Serves on the listener until the process ends.
pub(crate) async fn serve(listener: TcpListener) {
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let calls = Arc::new(AtomicU64::new(0));
    let route = "/2015-03-31/functions/{name}/invocations";
    let about = "/2015-03-31/functions/{name}/configuration";
    let app = Router::new().route(route, post(invoke)).route(about, get(configuration)).with_state(calls);
    axum::serve(axum::serve::ListenerExt::tap_io(listener, |stream| drop(stream.set_nodelay(true))), app)
        .await
        .unwrap();
}

/// Serves from a thread of this process, on a port of its own.
pub(crate) fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(serve(listener));
    });
    address
}

async fn invoke(
    State(calls): State<Arc<AtomicU64>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    event: Bytes,
) -> Response {
    let call = calls.fetch_add(1, Ordering::Relaxed);
    let id = format!("00000000-0000-4000-8000-{call:012}");
    let mut response = answer(&name, call, &headers, &event).await;
    if let Some(Log(log)) = response.extensions_mut().remove() {
        let log = base64::engine::general_purpose::STANDARD
            .encode(log.replace("RequestId: r", &format!("RequestId: {id}")));
        response.headers_mut().insert("x-amz-log-result", log.parse().unwrap());
    }
    response.headers_mut().insert("x-amzn-requestid", id.parse().unwrap());
    response
}

/// A server may describe a function, refuse to, or not know the operation.
async fn configuration(Path(name): Path<String>) -> Response {
    match name.as_str() {
        "string" => {
            r#"{"PackageType": "Zip", "MemorySize": 128, "Environment": {"Variables": {"TABLE": "t"}}}"#
                .into_response()
        }
        "denied" => error(403, "AccessDeniedException", r#"{"Message": "not you"}"#),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn answer(name: &str, call: u64, headers: &HeaderMap, event: &Bytes) -> Response {
    if headers.get("x-amz-invocation-type").is_some_and(|kind| kind == "Event") {
        return StatusCode::ACCEPTED.into_response();
    }
    let object = format!(r#"{{"latency": {LATENCY_S}, "data": "<table>\n"}}"#);
    match name {
        "string" => ok(LOG_WARM, serde_json::to_string(&object).unwrap()),
        "object" | "denied" => ok(LOG_WARM, object),
        "cold" => ok(LOG_COLD, object),
        "untold" => object.into_response(),
        "cold_once" => ok(if call == 0 { LOG_COLD } else { LOG_WARM }, object),
        "large" => {
            ok(LOG_WARM, serde_json::to_string(&object.replace("<table>", &"x".repeat(1 << 20))).unwrap())
        }
        "echo" => ok(LOG_WARM, format!(r#"{{"latency": 0.5, "event": {}}}"#, String::from_utf8_lossy(event))),
        "slow" => {
            tokio::time::sleep(Duration::from_millis(200)).await;
            ok(LOG_WARM, object)
        }
        "hang" => pending().await,
        "function_error" => {
            let body = r#"{"errorType": "InvalidEvent", "errorMessage": "num_of_rows is \"x\""}"#;
            ([("x-amz-function-error", "Unhandled")], ok(LOG_WARM, body.to_owned())).into_response()
        }
        "throttled" => error(429, "TooManyRequestsException", r#"{"message": "Rate Exceeded."}"#),
        "service_error" => error(500, "ServiceException", r#"{"Message": "internal"}"#),
        "not_found" => error(404, "ResourceNotFoundException", r#"{"Message": "Function not found"}"#),
        "garbage" => ok(LOG_WARM, "garbage".to_owned()),
        "no_latency" => ok(LOG_WARM, "{}".to_owned()),
        // Breaks the connection, and prints nothing as a panic would.
        "reset" => std::panic::resume_unwind(Box::new("reset")),
        "cut_off" => cut_off(),
        _ => error(404, "ResourceNotFoundException", r#"{"Message": "no such stub"}"#),
    }
}

/// An answer whose body ends before its announced length.
fn cut_off() -> Response {
    let body = Body::new(CutOff(Some(Bytes::from_static(b"{"))));
    ([("content-length", "100")], body).into_response()
}

struct CutOff(Option<Bytes>);

impl HttpBody for CutOff {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = self.0.take().map(Frame::data).ok_or(std::io::ErrorKind::ConnectionReset.into());
        Poll::Ready(Some(frame))
    }
}

/// The log of a call, in which `r` stands for its id.
#[derive(Clone)]
struct Log(&'static str);

fn ok(log: &'static str, body: String) -> Response {
    (Extension(Log(log)), [("x-amz-executed-version", "$LATEST")], body).into_response()
}

fn error(status: u16, name: &'static str, body: &'static str) -> Response {
    (StatusCode::from_u16(status).unwrap(), [("x-amzn-errortype", name)], body).into_response()
}
