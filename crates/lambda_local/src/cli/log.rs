//! The log on standard error, which nobody has to read: whoever logs never waits.
//!
//! Lines wait in a backlog of bounded size, and a thread writes them. If the thread cannot write, since a pipe is full
//! or a terminal is stopped, the backlog fills, and further lines are dropped and counted.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::env_vars;

/// How much may wait while a part of the same size is being written, in bytes.
const BACKLOG_BYTES: usize = 1 << 20;

/// The log of the program. Clones write to the same log.
#[derive(Debug, Clone)]
pub struct Log(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    backlog: Backlog,
    /// The thread that writes has been started.
    started: bool,
    /// It has taken lines that it has not written yet.
    writing: bool,
}

/// Lines that nobody has written yet. At most `BACKLOG_BYTES` wait.
#[derive(Debug, Default)]
struct Backlog {
    waiting: Vec<u8>,
    /// How many lines came after those that wait, and are lost.
    dropped: usize,
}

impl Log {
    /// Logs to standard error from now on, panics included. `RUST_LOG` says what.
    pub fn to_stderr() -> Self {
        let log = Self(Arc::default());
        let directives = env_vars::get(env_vars::RUST_LOG);
        let filter = directives.and_then(|directives| EnvFilter::try_new(directives).ok());
        tracing_subscriber::fmt()
            .with_env_filter(filter.unwrap_or_else(|| EnvFilter::new("info")))
            // Plain on a terminal, too: a build without tracing-subscriber's colours panics when it is asked for them.
            .with_ansi(false)
            .with_writer(log.clone())
            .init();
        log.take_panics();
        log
    }

    /// Adds lines as they are.
    pub fn add(&self, lines: &str) {
        self.push(lines.as_bytes());
    }

    /// Waits until all lines have been written, or until `limit` has passed.
    pub fn flush(&self, limit: Duration) {
        let pending = |state: &mut State| state.writing || !state.backlog.is_empty();
        drop(self.0.changed.wait_timeout_while(self.state(), limit, pending));
    }

    /// Writes a panic to this log: standard error itself could make the thread that panics wait.
    fn take_panics(&self) {
        let log = self.clone();
        std::panic::set_hook(Box::new(move |panic| {
            let backtrace = Backtrace::capture();
            let backtrace = match backtrace.status() {
                BacktraceStatus::Captured => format!("{backtrace}\n"),
                _ => String::new(),
            };
            log.add(&format!("{panic}\n{backtrace}"));
        }));
    }

    fn push(&self, lines: &[u8]) {
        let mut state = self.state();
        state.backlog.push(lines);
        if !state.started {
            // Not earlier, since a process that logs nothing needs no thread. If it fails, the next line tries again.
            let log = self.clone();
            let thread = thread::Builder::new().name("log".to_owned());
            state.started = thread.spawn(move || log.write_all_to(&mut io::stderr())).is_ok();
        }
        self.0.changed.notify_all();
    }

    fn write_all_to(&self, output: &mut impl Write) {
        loop {
            let state = self.state();
            let state = self.0.changed.wait_while(state, |state| state.backlog.is_empty());
            let mut state = state.unwrap_or_else(PoisonError::into_inner);
            let lines = state.backlog.take();
            state.writing = true;
            drop(state);
            // If nobody will ever read the log, that changes nothing.
            let _ = output.write_all(&lines);
            self.state().writing = false;
            self.0.changed.notify_all();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is consistent at every point that could panic.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Log {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.push(lines);
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Backlog {
    /// Adds lines, or drops them. Once some are dropped, all that follow are, until the gap has been told.
    fn push(&mut self, lines: &[u8]) {
        if self.dropped > 0 || self.waiting.len() + lines.len() > BACKLOG_BYTES {
            self.dropped += lines.iter().filter(|byte| **byte == b'\n').count().max(1);
        } else {
            self.waiting.extend_from_slice(lines);
        }
    }

    /// Takes what waits, with a line about what was dropped behind it.
    fn take(&mut self) -> Vec<u8> {
        let mut lines = std::mem::take(&mut self.waiting);
        let dropped = std::mem::take(&mut self.dropped);
        if dropped > 0 {
            let gap = format!(
                "lambda-local: {dropped} lines of the log are missing here: they were not read in time\n"
            );
            lines.extend_from_slice(gap.as_bytes());
        }
        lines
    }

    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.dropped == 0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn lines_beyond_the_backlog_are_dropped_and_counted() {
        let mut backlog = Backlog::default();
        let line = [vec![b'x'; 1023], vec![b'\n']].concat();
        for _ in 0..1500 {
            backlog.push(&line);
        }
        backlog.push(b"short, but after the gap\n");
        let text = String::from_utf8(backlog.take()).unwrap();
        assert_eq!(text.lines().filter(|line| line.starts_with('x')).count(), 1024);
        assert!(text.ends_with(
            "x\nlambda-local: 477 lines of the log are missing here: they were not read in time\n"
        ));
        assert!(backlog.is_empty());
        backlog.push(b"later\n");
        assert_eq!(backlog.take(), b"later\n");
    }

    #[test]
    fn a_single_line_that_is_too_long_is_counted() {
        let mut backlog = Backlog::default();
        backlog.push(&vec![b'x'; BACKLOG_BYTES + 1]);
        backlog.push(b"a\nb\n");
        assert!(backlog.take().starts_with(b"lambda-local: 3 lines"));
    }

    /// An output that is stuck until it is told to go on.
    struct Stuck {
        go_on: mpsc::Receiver<()>,
        written: mpsc::Sender<Vec<u8>>,
    }

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.go_on.recv().map_err(io::Error::other)?;
            self.written.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn whoever_logs_does_not_wait_for_an_output_that_is_stuck() {
        let log = Log(Arc::default());
        log.state().started = true;
        let (go_on, told) = mpsc::channel();
        let (written, output) = mpsc::channel();
        let writer = log.clone();
        thread::spawn(move || writer.write_all_to(&mut Stuck { go_on: told, written }));
        let line = "x".repeat(1023) + "\n";
        log.add(&line);
        // Otherwise a writer that starts late would find, and tell, a gap before the last line was added.
        while !log.state().writing {
            thread::yield_now();
        }
        (1..3000).for_each(|_| log.add(&line));
        log.flush(Duration::from_millis(10));
        let mut lines = Vec::new();
        while !lines.ends_with(b"in time\n") {
            go_on.send(()).unwrap();
            lines.extend(output.recv().unwrap());
        }
        let text = String::from_utf8(lines).unwrap();
        let kept = text.lines().filter(|line| line.starts_with('x')).count();
        let gap = text.lines().last().unwrap();
        assert!(gap.starts_with(&format!("lambda-local: {} lines", 3000 - kept)), "{gap}");
        assert!((1024..=2048).contains(&kept), "{kept}");
        log.flush(Duration::from_secs(20));
        assert!(!log.state().writing && log.state().backlog.is_empty());
    }
}
