//! The log of an environment: what the function prints, and the lines that Lambda adds.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;

use bytes::Bytes;
use tokio::net::unix::pipe::Receiver;

/// How much of the end of the log a client gets with a reply, in bytes.
const TAIL_BYTES: usize = 4096;
/// How much is read from the pipe at a time.
const CHUNK_BYTES: usize = 16 * 1024;
/// A longer line is forwarded in pieces.
const LINE_BYTES: usize = 8 * 1024;
/// How many chunks are read before a reply is sent. With a limit, a function that floods its log does not delay the
/// reply.
const DRAIN_CHUNKS: usize = 64;

/// Collects the log, keeps its tail, and forwards the function's lines to the server's own log.
#[derive(Debug)]
pub(super) struct Log {
    function: String,
    /// `None` once all writers have closed the pipe.
    output: Option<Receiver>,
    tail: VecDeque<u8>,
    /// Whether what comes belongs to an invocation that a client has the tail of already.
    late: bool,
    line: Vec<u8>,
}

impl Log {
    /// An empty log of `function`.
    pub(super) fn new(function: String) -> Self {
        Self {
            function,
            output: None,
            tail: VecDeque::with_capacity(TAIL_BYTES),
            late: false,
            line: Vec::new(),
        }
    }

    /// Follows the output of a new process.
    ///
    /// # Errors
    /// If the pipe cannot be watched.
    pub(super) fn attach(&mut self, output: OwnedFd) -> io::Result<()> {
        self.output = Some(Receiver::from_owned_fd(output)?);
        Ok(())
    }

    /// Reads the output that comes next. Never returns if no output can come. May be cancelled.
    pub(super) async fn follow(&mut self) {
        let Some(output) = &self.output else { return std::future::pending().await };
        match output.readable().await {
            Ok(()) => _ = self.read_chunk(Receiver::try_read),
            Err(_) => self.output = None,
        }
    }

    /// Reads what has been printed so far.
    pub(super) fn drain(&mut self) {
        for _ in 0..DRAIN_CHUNKS {
            // This asks the kernel, because the async runtime may not know of the latest output yet.
            if !self.read_chunk(|output, chunk| Ok(rustix::io::read(output, chunk)?)) {
                return;
            }
        }
    }

    /// An invocation begins, while others are under way if the log is `shared`.
    ///
    /// What was printed since the end of the one before is in nobody's tail: that tail is with its client already. What
    /// was printed during the initialisation belongs to the first invocation.
    pub(super) fn begin(&mut self, lines: &str, shared: bool) {
        if !shared {
            self.drain();
            self.late = false;
        }
        self.platform(lines);
    }

    /// An invocation ends. Returns the end of its log. If the log is `shared`, lines of others are among it.
    pub(super) fn end(&mut self, shared: bool) -> Bytes {
        if shared {
            return self.tail.iter().copied().collect();
        }
        self.late = true;
        let tail = self.tail.iter().copied().collect();
        self.tail.clear();
        tail
    }

    /// Adds lines of Lambda's own.
    pub(super) fn platform(&mut self, lines: &str) {
        tracing::debug!(target: "lambda_local::function", function = self.function, "{}", lines.trim_end());
        self.remember(lines.as_bytes());
    }

    /// Whether something was read.
    fn read_chunk(&mut self, read: impl Fn(&Receiver, &mut [u8]) -> io::Result<usize>) -> bool {
        let Some(output) = &self.output else { return false };
        let mut chunk = [0; CHUNK_BYTES];
        match read(output, &mut chunk) {
            Ok(length) if length > 0 => {
                self.remember(&chunk[..length]);
                self.forward(&chunk[..length]);
                true
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            _ => {
                self.output = None;
                self.flush_line();
                false
            }
        }
    }

    fn remember(&mut self, bytes: &[u8]) {
        if self.late {
            return;
        }
        self.tail.extend(bytes);
        let surplus = self.tail.len().saturating_sub(TAIL_BYTES);
        self.tail.drain(..surplus);
    }

    fn forward(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend(piece);
            if piece.ends_with(b"\n") || self.line.len() >= LINE_BYTES {
                self.flush_line();
            }
        }
    }

    fn flush_line(&mut self) {
        if !self.line.is_empty() {
            // Some runtimes separate the lines of one message by carriage returns, which a terminal would print over
            // one another.
            let text = String::from_utf8_lossy(&self.line).replace('\r', "\n");
            tracing::info!(target: "lambda_local::function", function = self.function, "{}", text.trim_end());
            self.line.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[tokio::test]
    async fn output_and_platform_lines_stay_in_order() {
        let (reader, mut writer) = io::pipe().unwrap();
        let mut log = Log::new("f".to_owned());
        log.attach(reader.into()).unwrap();
        writer.write_all(b"initialising\n").unwrap();
        log.begin("START\n", false);
        writer.write_all(b"one\ntwo").unwrap();
        log.drain();
        log.platform("END\n");
        assert_eq!(log.end(false), "initialising\nSTART\none\ntwoEND\n");
    }

    #[tokio::test]
    async fn what_is_printed_after_an_invocation_is_not_in_the_tail_of_the_next_one() {
        let (reader, mut writer) = io::pipe().unwrap();
        let mut log = Log::new("f".to_owned());
        log.attach(reader.into()).unwrap();
        log.begin("START 1\n", false);
        assert_eq!(log.end(false), "START 1\n");
        writer.write_all(b"late and read\n").unwrap();
        log.drain();
        writer.write_all(b"late\n").unwrap();
        log.begin("START 2\n", false);
        writer.write_all(b"in time\n").unwrap();
        log.drain();
        assert_eq!(log.end(false), "START 2\nin time\n");
    }

    #[tokio::test]
    async fn only_the_end_of_a_long_log_is_kept() {
        let (reader, mut writer) = io::pipe().unwrap();
        let mut log = Log::new("f".to_owned());
        log.attach(reader.into()).unwrap();
        let flood = std::thread::spawn(move || writer.write_all(&[b'x'; 1 << 20]).unwrap());
        while log.output.is_some() {
            log.follow().await;
        }
        flood.join().unwrap();
        log.platform("END\n");
        let tail = log.end(false);
        assert_eq!(tail.len(), TAIL_BYTES);
        assert!(tail.ends_with(b"xEND\n"));
        assert!(log.line.capacity() < 4 * LINE_BYTES.max(CHUNK_BYTES));
    }
}
