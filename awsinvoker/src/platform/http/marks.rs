//! When the bytes of a call pass through its connection.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::clock::NotedMoment;

/// What the current call has seen of its connection.
#[derive(Debug)]
pub(super) struct Marks {
    /// When all that was to be written so far had been handed to the system.
    pub(super) written: NotedMoment,
    /// When the first byte of the answer had come in.
    pub(super) first_byte: NotedMoment,
}

/// A stream that marks when bytes pass. With TLS it stands above it: what counts is the first byte of the answer, not of a
/// record that belongs to the handshake.
#[derive(Debug)]
pub(super) struct Marked<S> {
    stream: S,
    marks: Arc<Marks>,
    /// Whether something was written since the last flush.
    unflushed: bool,
}

impl Marks {
    pub(super) const fn new() -> Self {
        Self { written: NotedMoment::none(), first_byte: NotedMoment::none() }
    }

    /// Before the next call.
    pub(super) fn clear(&self) {
        self.written.clear();
        self.first_byte.clear();
    }
}

impl<S> Marked<S> {
    pub(super) fn new(stream: S, marks: Arc<Marks>) -> Self {
        Self { stream, marks, unflushed: false }
    }

    /// Takes note of a write of so many bytes.
    fn wrote(&mut self, length: usize, polled: &Poll<io::Result<usize>>) {
        self.unflushed = true;
        match polled {
            Poll::Ready(Ok(written)) if *written == length => self.marks.written.note(),
            _ => self.marks.written.clear(),
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
            self.marks.first_byte.note_first();
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
        self.wrote(bytes.len(), &polled);
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.wrote(slices.iter().map(|slice| slice.len()).sum(), &polled);
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
}
