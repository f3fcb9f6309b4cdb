//! Connections whose answers are held back until they are due, or are replaced by something worse.
//!
//! The HTTP library writes an answer as soon as it has it. A [`Connection`] collects these bytes, and the alarm gives
//! them to the kernel. So no task has to be woken up between the due time and the system call.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::clock;

/// Accepts connections whose answers can be held back.
#[derive(Debug)]
pub(super) struct HoldingListener(pub(super) TcpListener);

/// A connection, as the HTTP library sees it.
#[derive(Debug)]
pub(super) struct Connection {
    socket: TcpStream,
    control: Arc<Control>,
}

/// A connection, as those see it that decide what is sent and when.
#[derive(Debug)]
pub(super) struct Control {
    /// The same socket once more: the alarm may use it after the HTTP library has let go of it.
    socket: OwnedFd,
    state: Mutex<State>,
    /// Notified when a request has ended.
    ended: Notify,
}

#[derive(Debug)]
struct State {
    /// When the latest bytes of the client were read. In nanoseconds, as all times here.
    read_ns: u64,
    /// When the client was found to be gone.
    gone_ns: Option<u64>,
    phase: Phase,
    /// Who waits to close the connection until the answer was sent.
    closing: Option<Waker>,
}

#[derive(Debug)]
enum Phase {
    /// Bytes pass as they come.
    Open,
    /// The bytes of an answer are collected.
    Collecting(Held),
    /// The answer waits for its time.
    Waiting,
}

/// An answer that is to be held back.
#[derive(Debug)]
struct Held {
    end: Box<dyn HeldEnd>,
    /// How long the body is. With its head, that tells when the answer is complete.
    body_bytes: usize,
    bytes: Vec<u8>,
}

/// What becomes of an answer that is held back.
pub(super) trait HeldEnd: std::fmt::Debug + Send {
    /// The answer is complete. The connection waits until [`Control::end`] is called.
    fn complete(self: Box<Self>, control: Arc<Control>, answer: Vec<u8>);

    /// The connection was lost at this time, before the answer was complete.
    fn lost(self: Box<Self>, now_ns: u64);
}

impl Listener for HoldingListener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            let (socket, address) = Listener::accept(&mut self.0).await;
            match Connection::new(socket) {
                Ok(connection) => return (connection, address),
                Err(error) => tracing::warn!("a connection of {address} is closed at once: {error}"),
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// How a handler gets the connection of its request.
#[derive(Debug, Clone)]
pub(super) struct Caller(pub(super) Arc<Control>);

impl Connected<IncomingStream<'_, HoldingListener>> for Caller {
    fn connect_info(stream: IncomingStream<'_, HoldingListener>) -> Self {
        Self(Arc::clone(&stream.io().control))
    }
}

impl Control {
    /// When the latest bytes of the client were read.
    pub(super) fn read_ns(&self) -> u64 {
        self.state().read_ns
    }

    /// Waits until the earlier request on this connection has ended. Clients that send several requests at once get
    /// their answers in turn, as HTTP demands.
    pub(super) async fn idle(&self) {
        loop {
            let ended = self.ended.notified();
            if matches!(self.state().phase, Phase::Open) {
                return;
            }
            ended.await;
        }
    }

    /// Holds the answer back that comes next. Its body has so many bytes.
    pub(super) fn hold(&self, body_bytes: usize, end: Box<dyn HeldEnd>) {
        self.state().phase = Phase::Collecting(Held { end, body_bytes, bytes: Vec::new() });
    }

    /// The socket.
    pub(super) fn socket(&self) -> &OwnedFd {
        &self.socket
    }

    /// When the client was found to be gone.
    pub(super) fn gone_ns(&self) -> Option<u64> {
        self.state().gone_ns
    }

    /// The request has ended: what comes next passes as it comes.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.phase = Phase::Open;
        let closing = state.closing.take();
        drop(state);
        self.ended.notify_waiters();
        if let Some(waker) = closing {
            waker.wake();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is consistent at every point that could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes bytes of an answer that is held back. False if none is.
    fn collect(self: &Arc<Self>, parts: &[IoSlice<'_>]) -> bool {
        let mut state = self.state();
        let Phase::Collecting(held) = &mut state.phase else { return false };
        parts.iter().for_each(|part| held.bytes.extend_from_slice(part));
        if held.is_complete()
            && let Phase::Collecting(held) = std::mem::replace(&mut state.phase, Phase::Waiting)
        {
            drop(state);
            held.end.complete(Arc::clone(self), held.bytes);
        }
        true
    }
}

impl Held {
    fn is_complete(&self) -> bool {
        let head = self.bytes.windows(4).position(|window| window == b"\r\n\r\n");
        head.is_some_and(|head| self.bytes.len() >= head + 4 + self.body_bytes)
    }
}

impl Connection {
    fn new(socket: TcpStream) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        let control = Control {
            socket: socket.as_fd().try_clone_to_owned()?,
            state: Mutex::new(State { read_ns: 0, gone_ns: None, phase: Phase::Open, closing: None }),
            ended: Notify::new(),
        };
        Ok(Self { socket, control: Arc::new(control) })
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = ready!(Pin::new(&mut self.socket).poll_read(context, buffer));
        let (now, mut state) = (clock::monotonic_ns(), self.control.state());
        if result.is_ok() && buffer.filled().len() > before {
            state.read_ns = now;
        } else {
            state.gone_ns.get_or_insert(now);
        }
        drop(state);
        Poll::Ready(result)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.control.collect(&[IoSlice::new(bytes)]) {
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.control.collect(parts) {
            return Poll::Ready(Ok(parts.iter().map(|part| part.len()).sum()));
        }
        Pin::new(&mut self.socket).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    /// Closes the connection, but not before an answer that is held back was sent.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.control.state();
        if matches!(state.phase, Phase::Waiting) && state.gone_ns.is_none() {
            state.closing = Some(context.waker().clone());
            return Poll::Pending;
        }
        drop(state);
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let (now, mut state) = (clock::monotonic_ns(), self.control.state());
        state.gone_ns.get_or_insert(now);
        let collected = matches!(state.phase, Phase::Collecting(_));
        let phase = if collected { std::mem::replace(&mut state.phase, Phase::Open) } else { return };
        drop(state);
        if let Phase::Collecting(held) = phase {
            held.end.lost(now);
        }
    }
}
