//! Standard error, which log lines and the view of the run share: the view stands below the lines, and is drawn in place.
//!
//! Whoever logs or draws never waits. A thread writes, and a terminal that is stopped with Ctrl-S holds up nobody else.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// The width of a terminal that does not tell it.
const DEFAULT_COLUMNS: u16 = 80;

/// How much may wait to be written.
const MAX_WAITING_BYTES: usize = 1 << 20;
/// How long the end of the program waits for what is not written yet.
const FLUSH: Duration = Duration::from_secs(5);

static STATE: Mutex<State> =
    Mutex::new(State { waiting: Waiting::nothing(), is_started: false, is_writing: false });
static CHANGED: Condvar = Condvar::new();

/// Whether standard error is a terminal on which lines can be replaced.
pub(crate) fn is_terminal(term: Option<&str>) -> bool {
    io::stderr().is_terminal() && term != Some("dumb")
}

/// How many characters a line may have.
pub(crate) fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stderr()).ok();
    usize::from(size.map(|size| size.ws_col).filter(|columns| *columns > 0).unwrap_or(DEFAULT_COLUMNS))
}

/// Replaces the view by these lines, each of which is cut to the width: a longer one would take two rows.
pub(crate) fn draw(lines: &[String], columns: usize) {
    let view = lines.iter().map(|line| shortened_to(line, columns)).collect();
    add(|waiting| waiting.view = Some(view));
}

/// Removes the view.
pub(crate) fn clear() {
    draw(&[], DEFAULT_COLUMNS.into());
}

/// Writes whole lines above the view, which appears again when it is drawn the next time.
pub(crate) fn print(lines: &[u8]) {
    add(|waiting| waiting.push(lines));
}

/// Waits until everything is written, but not for longer than some seconds: perhaps nobody reads it.
pub(crate) fn flush() {
    let is_pending = |state: &mut State| state.is_writing || !state.waiting.is_empty();
    drop(CHANGED.wait_timeout_while(lock(), FLUSH, is_pending));
}

/// What log lines are written to.
#[derive(Debug)]
pub(crate) struct Log;

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        print(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What has not been written yet, and the thread that writes it.
#[derive(Debug)]
struct State {
    waiting: Waiting,
    is_started: bool,
    is_writing: bool,
}

/// What is to be written.
#[derive(Debug)]
struct Waiting {
    lines: Vec<u8>,
    /// How many lines came when there was no room for them.
    missing: usize,
    /// The lines of the newest view, if it is not on the screen.
    view: Option<Vec<String>>,
}

impl Waiting {
    const fn nothing() -> Self {
        Self { lines: Vec::new(), missing: 0, view: None }
    }

    fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.missing == 0 && self.view.is_none()
    }

    /// Adds lines, or counts them if there is no room. Once some are missing, all that follow are, until that is told.
    fn push(&mut self, lines: &[u8]) {
        if self.missing > 0 || self.lines.len() + lines.len() > MAX_WAITING_BYTES {
            self.missing += lines.iter().filter(|byte| **byte == b'\n').count().max(1);
        } else {
            self.lines.extend_from_slice(lines);
        }
    }

    /// What to write if `shown` lines of the view are on the screen, which are then as many as this leaves there.
    fn text(mut self, shown: &mut usize) -> Vec<u8> {
        if self.missing > 0 {
            let line =
                format!("awsinvoker: {} lines are missing here: they were not read in time\n", self.missing);
            self.lines.extend_from_slice(line.as_bytes());
        }
        let mut text = Vec::new();
        if !self.lines.is_empty() {
            text.extend(drawing(std::mem::take(shown), &[]).into_bytes());
            text.append(&mut self.lines);
        }
        if let Some(view) = self.view {
            text.extend(drawing(std::mem::replace(shown, view.len()), &view).into_bytes());
        }
        text
    }
}

fn lock() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds to what waits. The first time, a thread is started; if that fails, the next time tries again.
fn add(change: impl FnOnce(&mut Waiting)) {
    let mut state = lock();
    change(&mut state.waiting);
    if !state.is_started {
        state.is_started = thread::Builder::new().name("screen".to_owned()).spawn(write_all).is_ok();
    }
    CHANGED.notify_all();
}

/// Writes what waits, for as long as the process lives. Nothing is locked meanwhile.
fn write_all() {
    let mut shown = 0;
    loop {
        let state = CHANGED.wait_while(lock(), |state| state.waiting.is_empty());
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        let text = std::mem::replace(&mut state.waiting, Waiting::nothing()).text(&mut shown);
        state.is_writing = true;
        drop(state);
        // A terminal that was closed must not end the run.
        let _ = io::stderr().write_all(&text);
        lock().is_writing = false;
        CHANGED.notify_all();
    }
}

/// A line that fits the width.
fn shortened_to(line: &str, columns: usize) -> String {
    line.chars().take(columns.saturating_sub(1)).collect()
}

/// What replaces `shown` lines above the cursor by `lines`.
fn drawing(shown: usize, lines: &[String]) -> String {
    let mut text = String::new();
    if shown > 0 {
        // Up to the first line, and everything below it is removed.
        let _ = write!(text, "\u{1b}[{shown}A\r\u{1b}[J");
    }
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(lines: &[&str], columns: usize) -> Vec<String> {
        lines.iter().map(|line| shortened_to(line, columns)).collect()
    }

    #[test]
    fn the_view_is_replaced_and_fits_the_width() {
        assert_eq!(cut(&["añb", "abcdefg"], 5), ["añb", "abcd"]);
        let view = |lines: &[&str]| Waiting { view: Some(cut(lines, 80)), ..Waiting::nothing() };
        let mut shown = 0;
        let mut text = |waiting: Waiting| String::from_utf8(waiting.text(&mut shown)).unwrap();
        assert_eq!(text(view(&["a", "b"])), "a\nb\n");
        assert_eq!(text(view(&["c"])), "\u{1b}[2A\r\u{1b}[Jc\n");
        // A line takes the place of the view, which follows it.
        let lines = |waiting: Waiting| Waiting { lines: b"log\n".to_vec(), ..waiting };
        assert_eq!(text(lines(view(&["d", "e"]))), "\u{1b}[1A\r\u{1b}[Jlog\nd\ne\n");
        assert_eq!(text(lines(Waiting::nothing())), "\u{1b}[2A\r\u{1b}[Jlog\n");
        assert_eq!(text(view(&[])), "");
    }

    #[test]
    fn lines_for_which_there_is_no_room_are_counted() {
        let mut waiting = Waiting::nothing();
        let line = [vec![b'x'; 1023], vec![b'\n']].concat();
        (0..1_500).for_each(|_| waiting.push(&line));
        waiting.push(b"short, but after the gap\n");
        let text = String::from_utf8(waiting.text(&mut 0)).unwrap();
        assert_eq!(text.matches("x\n").count(), 1024);
        assert!(text.ends_with("x\nawsinvoker: 477 lines are missing here: they were not read in time\n"));
    }
}
