//! The client for gRPC, against servers and proxies that do what no function does by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use awsinvoker::platform::grpc::Grpc;
use h2::Reason;
use h2::server::{Connection, SendResponse};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use hyper::body::Bytes;
use run_record::{Outcome, Reply};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::grpc::{CONFIG, call, greeter, is_fresh};

/// The message `Hi`.
const BODY: &[u8] = &[0, 0, 0, 0, 4, 0x0a, 2, b'H', b'i'];
const OK: &[(&str, &str)] = &[("grpc-status", "0")];

type Server = Connection<TcpStream, Bytes>;

/// Handles each connection with `handle`, which is told its number from 0.
async fn start<F: Future<Output = ()> + Send + 'static>(
    handle: impl Fn(u32, TcpStream) -> F + Clone + Send + 'static,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        for number in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(handle(number, stream));
        }
    });
    port
}

/// Answers the request of this number, counted over all connections from 0, with `answer`.
async fn serve(answer: impl Fn(u32, SendResponse<Bytes>) + Clone + Send + 'static) -> u16 {
    let requests = Arc::new(AtomicU32::new(0));
    start(move |_, stream| {
        let (requests, answer) = (Arc::clone(&requests), answer.clone());
        async move {
            let mut server: Server = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((request, respond))) = server.accept().await {
                tokio::spawn(read_all(request.into_body()));
                answer(requests.fetch_add(1, Ordering::Relaxed), respond);
            }
        }
    })
    .await
}

async fn read_all(mut body: h2::RecvStream) {
    while let Some(Ok(data)) = body.data().await {
        let _ = body.flow_control().release_capacity(data.len());
    }
}

fn head(status: u16, headers: &[(&'static str, &str)]) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = status.try_into().unwrap();
    *response.headers_mut() = map(headers);
    response
}

fn map(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
    };
    pairs.iter().map(pair).collect()
}

/// A whole answer.
fn answer(
    mut respond: SendResponse<Bytes>,
    headers: &[(&'static str, &str)],
    body: &'static [u8],
    trailers: &[(&'static str, &str)],
) {
    let mut stream = respond.send_response(head(200, headers), false).unwrap();
    stream.send_data(Bytes::from_static(body), trailers.is_empty()).unwrap();
    if !trailers.is_empty() {
        stream.send_trailers(map(trailers)).unwrap();
    }
}

async fn connect(port: u16) -> Grpc {
    Grpc::connect(&CONFIG, &[greeter(port, "\"x\"")]).await.unwrap()
}

/// What a call of this server comes to, in words.
async fn said(port: u16) -> String {
    let Reply { outcome, cause, .. } = call(&connect(port).await, 0).await.0;
    format!("{}: {}", outcome.name(), cause.unwrap_or_default())
}

#[tokio::test]
async fn what_a_function_tells_of_itself_is_kept() {
    let port = serve(|number, respond| {
        let request = (number + 1).to_string();
        let told = [
            ("grpc-status", "0"),
            ("function-instance", "ab12"),
            ("function-request", &request),
            ("function-init-ns", "500"),
            ("function-ready-ns", if number == 0 { "0" } else { "3600000000000" }),
            ("function-queue-ns", "1"),
            ("function-handler-ns", "2"),
            ("function-answer-ns", "1"),
        ];
        answer(respond, &[], BODY, &told);
    })
    .await;
    let grpc = connect(port).await;
    let first = call(&grpc, 0).await.0;
    assert_eq!((first.outcome, first.cold, first.function_latency_s), (Outcome::Ok, Some(true), Some(2e-9)));
    assert_eq!((first.environment.as_deref(), first.report.init_ns), (Some("ab12"), Some(500)));
    let second = call(&grpc, 0).await.0;
    assert_eq!((second.cold, second.report.init_ns, second.report.duration_ns), (Some(false), None, Some(3)));
}

#[tokio::test]
async fn the_first_byte_is_that_of_the_answer_and_the_last_that_of_the_trailers() {
    const PAUSE: Duration = Duration::from_millis(30);
    let port = serve(|_, mut respond| {
        tokio::spawn(async move {
            // The settings and their acknowledgement have been sent long before.
            tokio::time::sleep(PAUSE).await;
            let mut stream = respond.send_response(head(200, &[]), false).unwrap();
            stream.send_data(Bytes::from_static(BODY), false).unwrap();
            tokio::time::sleep(PAUSE).await;
            stream.send_trailers(map(OK)).unwrap();
        });
    })
    .await;
    let grpc = connect(port).await;
    for _ in 0..2 {
        let (reply, times) = call(&grpc, 0).await;
        assert_eq!(reply.outcome, Outcome::Ok);
        let pause_ns = u64::try_from(PAUSE.as_nanos()).unwrap();
        let first_byte = times.first_byte.unwrap();
        assert!(first_byte.ns_since(times.connection.unwrap().ready) >= pause_ns, "{times:?}");
        assert!(
            times.last_byte.unwrap().ns_since(times.connection.unwrap().ready) >= 2 * pause_ns,
            "{times:?}"
        );
        assert!(Some(first_byte) < times.last_byte, "{times:?}");
        assert!(times.written.unwrap() <= first_byte, "{times:?}");
    }
}

#[tokio::test]
async fn a_connection_that_its_server_ended_is_not_used_again() {
    const MAX_CALLS: u32 = 100_000;
    let port = start(move |_, stream| async move {
        let mut server: Server = h2::server::handshake(stream).await.unwrap();
        let (_, respond) = server.accept().await.unwrap().unwrap();
        answer(respond, &[], BODY, OK);
        server.graceful_shutdown();
        while let Some(Ok((_, respond))) = server.accept().await {
            answer(respond, &[], BODY, OK);
        }
    })
    .await;
    let grpc = connect(port).await;
    let mut fresh = 0;
    // What the server says may come at any time, but no call is lost to it.
    for _ in 0..MAX_CALLS {
        let (reply, times) = call(&grpc, 0).await;
        assert_eq!((reply.outcome, &reply.cause), (Outcome::Ok, &None));
        fresh += u32::from(is_fresh(times));
        if fresh == 3 {
            return;
        }
    }
    panic!("only {fresh} connections were made for {MAX_CALLS} calls");
}

#[tokio::test]
async fn a_request_that_was_refused_unprocessed_is_sent_again_once() {
    // The second call is refused once, the third twice.
    let port = serve(|number, mut respond| match number {
        0 => answer(respond, &[], BODY, OK),
        1 | 3 => respond.send_reset(Reason::REFUSED_STREAM),
        2 => answer(respond, &[], BODY, OK),
        _ => respond.send_reset(Reason::REFUSED_STREAM),
    })
    .await;
    let grpc = connect(port).await;
    assert!(is_fresh(call(&grpc, 0).await.1));
    let (reply, times) = call(&grpc, 0).await;
    assert_eq!((reply.outcome, is_fresh(times)), (Outcome::Ok, true));
    let (reply, times) = call(&grpc, 0).await;
    assert_eq!((reply.outcome, is_fresh(times)), (Outcome::Transport, true), "{:?}", reply.cause);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_answer_and_nothing_is_sent_twice() {
    let requests = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&requests);
    let port = serve(move |number, mut respond| {
        count.fetch_add(1, Ordering::Relaxed);
        if number % 2 == 0 {
            return answer(respond, &[], BODY, OK);
        }
        let mut stream = respond.send_response(head(200, &[]), false).unwrap();
        stream.send_data(Bytes::from_static(&BODY[..3]), false).unwrap();
        stream.send_reset(Reason::CANCEL);
    })
    .await;
    let grpc = connect(port).await;
    for outcome in [Outcome::Ok, Outcome::Transport, Outcome::Ok, Outcome::Transport] {
        assert_eq!(call(&grpc, 0).await.0.outcome, outcome);
    }
    assert_eq!(requests.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn a_connection_that_is_closed_within_an_answer_is_told() {
    let port = start(|_, stream| async move {
        let mut server: Server = h2::server::handshake(stream).await.unwrap();
        let (_, mut respond) = server.accept().await.unwrap().unwrap();
        let mut stream = respond.send_response(head(200, &[]), false).unwrap();
        stream.send_data(Bytes::from_static(&BODY[..3]), false).unwrap();
        // The server is driven for a moment, and then dropped with its connection.
        let _ = tokio::time::timeout(Duration::from_millis(20), server.accept()).await;
    })
    .await;
    let said = said(port).await;
    assert!(said.starts_with("transport: "), "{said}");
}

#[tokio::test]
async fn an_answer_that_comes_before_the_whole_request_leaves_no_connection() {
    let port = serve(|_, mut respond| {
        respond.send_response(head(200, &[("grpc-status", "8"), ("grpc-message", "full")]), true).unwrap();
    })
    .await;
    // A server takes 64 KiB less one byte before it reads, and the largest is more than a socket takes.
    let around = (-40..=8).map(|step: i32| usize::try_from((1 << 16) + step).unwrap());
    for length in around.chain([1 << 20]) {
        let event = format!(r#"{{"text": "{}"}}"#, "x".repeat(length));
        let grpc = Grpc::connect(&CONFIG, &[greeter(port, &event), greeter(port, "\"x\"")]).await.unwrap();
        let (reply, first) = call(&grpc, 0).await;
        assert_eq!(reply.outcome, Outcome::Throttled);
        let (reply, second) = call(&grpc, 1).await;
        assert_eq!(reply.outcome, Outcome::Throttled);
        assert!(first.written.is_some() || is_fresh(second), "{length}: {first:?} {second:?}");
        for times in [first, second] {
            assert!(times.last_byte.is_some(), "{length}: {times:?}");
            // An absent time comes before any other.
            assert!(times.written <= times.last_byte, "{length}: {times:?}");
            assert!(times.first_byte <= times.last_byte, "{length}: {times:?}");
        }
    }
}

#[tokio::test]
async fn answers_that_are_not_as_they_should_be_are_named() {
    let whole = async |headers: &'static [(&'static str, &'static str)],
                       body: &'static [u8],
                       trailers: &'static [(&'static str, &'static str)]| {
        said(serve(move |_, respond| answer(respond, headers, body, trailers)).await).await
    };
    insta::assert_snapshot!(whole(&[("grpc-encoding", "gzip")], &[1, 0, 0, 0, 1, 0], OK).await, @"bad_answer: the message is compressed, expected one as it is: awsinvoker asks for no compression");
    insta::assert_snapshot!(whole(&[], b"", OK).await, @"bad_answer: the answer has no message, expected one");
    insta::assert_snapshot!(whole(&[], &[0, 0, 0, 0, 9, 1], OK).await, @"bad_answer: the body has 6 bytes, expected 5 and the 9 of one message");
    insta::assert_snapshot!(whole(&[("content-type", "application/grpc")], BODY, &[]).await, @"service_error: HTTP 200: the answer ended without `grpc-status`: its trailers were cut off on the way, or have more than 64 KiB");
    let alone = async |status: u16, headers: &'static [(&'static str, &'static str)]| {
        said(
            serve(move |_, mut respond| drop(respond.send_response(head(status, headers), true).unwrap()))
                .await,
        )
        .await
    };
    insta::assert_snapshot!(alone(200, &[("grpc-status", "12"), ("grpc-message", "unknown service faas.Executor")]).await, @"service_error: HTTP 200, UNIMPLEMENTED: unknown service faas.Executor");
    insta::assert_snapshot!(alone(429, &[]).await, @"throttled: HTTP 429: no message");
    let html = serve(|_, mut respond| {
        let mut stream = respond.send_response(head(503, &[("content-type", "text/html")]), false).unwrap();
        stream.send_data(Bytes::from_static(b"<html>\n<h1>no such host</h1>"), true).unwrap();
    });
    insta::assert_snapshot!(said(html.await).await, @"service_error: HTTP 503: <html> <h1>no such host</h1>");
}

#[tokio::test]
async fn too_many_trailers_are_an_error() {
    let port = serve(|_, respond| {
        let long = "x".repeat(10_000);
        let trailers: Vec<(&'static str, &str)> =
            ["a", "b", "c", "d", "e", "f", "g", "h"].map(|name| (name, long.as_str())).into();
        answer(respond, &[("content-type", "application/grpc")], BODY, &trailers);
    })
    .await;
    insta::assert_snapshot!(said(port).await, @"service_error: HTTP 200: the answer ended without `grpc-status`: its trailers were cut off on the way, or have more than 64 KiB");
}

#[tokio::test]
async fn a_server_that_speaks_no_http_2_is_told_so() {
    let port = start(|_, mut stream| async move {
        stream.read_exact(&mut [0; 24]).await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n").await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    insta::assert_snapshot!(said(port).await, @"transport: the server does not speak HTTP/2, as gRPC and `--http 2` need it: `h2c` was expected at this port without TLS");
}
