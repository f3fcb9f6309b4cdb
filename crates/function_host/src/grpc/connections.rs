//! The connections of the clients: accepted, served with HTTP/2, and closed in order.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::router::Router;

/// Calls on one connection. More than are admitted, so that a client is told of the limit.
const MAX_STREAMS: u32 = 2048;
/// The headers of one call together, in bytes.
const MAX_HEADERS: u32 = 16 << 10;
/// The windows of HTTP/2 in bytes: how much of a request is on its way without an acknowledgement.
const WINDOW: u32 = 1 << 20;
/// How long a connection is idle before the kernel asks whether the client is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// The pause after a connection that cannot be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves connections. When `signal` ends, it closes the listener, lets the calls that have begun end, and returns when no
/// connection is left.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    signal: Pin<Box<dyn Future<Output = ()> + Send>>,
) {
    let (stop, stopped) = watch::channel(());
    // Whichever is left is dropped here, and so is the listener.
    drop(select(Box::pin(accept(listener, Arc::new(router), stopped)), signal).await);
    // Fails if there is no connection.
    let _ = stop.send(());
    stop.closed().await;
}

/// Accepts connections, and serves each until it ends or `stopped` changes.
async fn accept(listener: TcpListener, router: Arc<Router>, stopped: watch::Receiver<()>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                prepare(&stream);
                tokio::spawn(serve_one(stream, Arc::clone(&router), stopped.clone()));
            }
            // Too few file descriptors, for example: the connection waits until there are some again.
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Settings without which a connection still works.
fn prepare(stream: &TcpStream) {
    let keepalive = socket2::TcpKeepalive::new().with_time(KEEPALIVE);
    let set = stream.set_nodelay(true);
    if let Err(error) = set.and_then(|()| socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive)) {
        tracing::debug!("cannot set options of a connection: {error}");
    }
}

async fn serve_one(stream: TcpStream, router: Arc<Router>, mut stopped: watch::Receiver<()>) {
    let connection = http2::Builder::new(TokioExecutor::new())
        .initial_connection_window_size(WINDOW)
        .initial_stream_window_size(WINDOW)
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), router);
    let mut connection = pin!(connection);
    let ended = match select(connection.as_mut(), pin!(stopped.changed())).await {
        Either::Left((ended, _)) => ended,
        Either::Right(_) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("a connection failed: {error}");
    }
}
