//! When the bytes of a call pass through its connection.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::Frames;
use crate::clock::NotedMoment;

/// What the current call has seen of its connection.
#[derive(Debug)]
pub(in crate::platform) struct Marks {
    /// When the last byte of the request had been handed to the system.
    pub(super) written: NotedMoment,
    /// When the first byte of the answer had come in.
    pub(super) first_byte: NotedMoment,
    /// Whether the other side speaks another protocol than HTTP/2, where that is expected.
    is_not_http2: AtomicBool,
}

/// A stream that marks when bytes pass. With TLS it stands above it: what counts is the first byte of the answer, not of a
/// record that belongs to the handshake.
#[derive(Debug)]
pub(super) struct Marked<S> {
    stream: S,
    marks: Arc<Marks>,
    /// What belongs to a request and an answer, if that are not all bytes.
    frames: Option<BothWays>,
    /// Whether something of the request was written since the last flush.
    unflushed: bool,
}

/// The frames of HTTP/2: both sides also send some that belong to the connection, at any time.
#[derive(Debug)]
struct BothWays {
    read: Frames,
    written: Frames,
}

impl Marks {
    pub(super) const fn new() -> Self {
        let (written, first_byte) = (NotedMoment::none(), NotedMoment::none());
        Self { written, first_byte, is_not_http2: AtomicBool::new(false) }
    }

    /// Before the next call.
    pub(super) fn clear(&self) {
        self.written.clear();
        self.first_byte.clear();
    }

    /// Whether what came in is no HTTP/2, where that is expected.
    pub(super) fn is_not_http2(&self) -> bool {
        self.is_not_http2.load(Ordering::Relaxed)
    }
}

impl<S> Marked<S> {
    /// A stream of which each byte belongs to a request or an answer.
    pub(super) fn new(stream: S, marks: Arc<Marks>) -> Self {
        Self { stream, marks, frames: None, unflushed: false }
    }

    /// A stream of HTTP/2. An answer begins with its HEADERS, and a request ends with the end of its stream.
    pub(super) fn of_frames(stream: S, marks: Arc<Marks>) -> Self {
        let frames = BothWays { read: Frames::of_server(), written: Frames::of_client() };
        Self { stream, marks, frames: Some(frames), unflushed: false }
    }

    /// Takes note of bytes that were read.
    fn read(&mut self, bytes: &[u8]) {
        let Some(frames) = &mut self.frames else { return self.marks.first_byte.note_first() };
        let seen = frames.read.scan(bytes);
        if seen.is_not_http2 {
            self.marks.is_not_http2.store(true, Ordering::Relaxed);
        }
        if seen.headers {
            self.marks.first_byte.note_first();
        }
    }

    /// Takes note of a write of these bytes, or of the first of them.
    fn wrote(&mut self, slices: &[IoSlice<'_>], polled: &Poll<io::Result<usize>>) {
        let Some(frames) = &mut self.frames else {
            self.unflushed = true;
            let length = slices.iter().map(|slice| slice.len()).sum::<usize>();
            return match polled {
                Poll::Ready(Ok(written)) if *written == length => self.marks.written.note(),
                _ => self.marks.written.clear(),
            };
        };
        let Poll::Ready(Ok(mut left)) = *polled else { return };
        for slice in slices {
            let piece = &slice[..left.min(slice.len())];
            left -= piece.len();
            if frames.written.scan(piece).end {
                self.unflushed = true;
                self.marks.written.note();
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Marked<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.read(&buffer.filled()[before..]);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Marked<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(&[IoSlice::new(bytes)], &polled);
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.wrote(slices, &polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// TLS may hold records back until it is flushed. Without it a flush does nothing.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        match &polled {
            Poll::Ready(Ok(())) if self.unflushed => {
                self.unflushed = false;
                if self.marks.written.get().is_some() {
                    self.marks.written.note();
                }
            }
            _ => {}
        }
        polled
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn marks_the_end_of_what_is_written_and_the_start_of_what_is_read() {
        let (near, mut far) = tokio::io::duplex(4);
        let marks = Arc::new(Marks::new());
        let mut stream = Marked::new(near, Arc::clone(&marks));
        let partial = poll_fn(|context| Pin::new(&mut stream).poll_write(context, b"123456")).await.unwrap();
        assert_eq!((partial, marks.written.get()), (4, None), "two bytes are left");
        far.read_exact(&mut [0; 4]).await.unwrap();
        stream.write_all(b"56").await.unwrap();
        let written = marks.written.get();
        assert!(written.is_some());
        assert_eq!(marks.first_byte.get(), None);
        let nothing = tokio::time::timeout(Duration::from_millis(1), stream.read_u8()).await;
        assert!(nothing.is_err() && marks.first_byte.get().is_none());
        far.write_all(b"ab").await.unwrap();
        stream.read_u8().await.unwrap();
        let first = marks.first_byte.get();
        stream.read_u8().await.unwrap();
        assert!(first >= written && first == marks.first_byte.get());
        marks.clear();
        assert_eq!((marks.written.get(), marks.first_byte.get()), (None, None));
    }

    /// The head of a frame, and its payload.
    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        [&[0, 0, u8::try_from(payload.len()).unwrap(), kind, flags, 0, 0, 0, 1], payload].concat()
    }

    #[tokio::test]
    async fn frames_of_the_connection_are_neither_request_nor_answer() {
        let (near, mut far) = tokio::io::duplex(1024);
        let marks = Arc::new(Marks::new());
        let mut stream = Marked::of_frames(near, Arc::clone(&marks));
        let settings = frame(4, 0, &[]);
        stream.write_all(&[&[b'P'; 24], settings.as_slice()].concat()).await.unwrap();
        assert_eq!(marks.written.get(), None);
        let request = [frame(1, 4, b"head"), frame(0, 1, b"body")].concat();
        let (start, end) = request.split_at(request.len() - 1);
        stream.write_all(start).await.unwrap();
        assert_eq!(marks.written.get(), None, "a byte is left");
        let slices = [IoSlice::new(end), IoSlice::new(&settings)];
        poll_fn(|context| Pin::new(&mut stream).poll_write_vectored(context, &slices)).await.unwrap();
        stream.flush().await.unwrap();
        let written = marks.written.get();
        assert!(written.is_some());
        stream.write_all(&settings).await.unwrap();
        stream.flush().await.unwrap();
        assert_eq!(marks.written.get(), written, "what comes later does not count");
        far.write_all(&settings).await.unwrap();
        stream.read_exact(&mut [0; 9]).await.unwrap();
        assert_eq!((marks.first_byte.get(), marks.is_not_http2()), (None, false));
        far.write_all(&frame(1, 4, b"head")).await.unwrap();
        stream.read_u8().await.unwrap();
        assert_eq!(marks.first_byte.get(), None, "the head of a frame tells what it is");
        stream.read_exact(&mut [0; 8]).await.unwrap();
        assert!(marks.first_byte.get() > written);
    }
}
