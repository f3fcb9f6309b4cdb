//! Standard error, which log lines and the view of the run share: the view stands below the lines, and is drawn in place.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The width of a terminal that does not tell it.
const DEFAULT_COLUMNS: u16 = 80;

/// How many lines of the view are on the screen.
static SHOWN: Mutex<usize> = Mutex::new(0);

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
    let mut shown = lock();
    let text = drawing(*shown, lines, columns);
    *shown = lines.len();
    write(text.as_bytes());
}

/// Removes the view.
pub(crate) fn clear() {
    draw(&[], DEFAULT_COLUMNS.into());
}

/// Writes whole lines above the view, which appears again when it is drawn the next time.
pub(crate) fn print(lines: &[u8]) {
    let mut shown = lock();
    if *shown > 0 {
        write(drawing(*shown, &[], 0).as_bytes());
        *shown = 0;
    }
    write(lines);
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

fn lock() -> MutexGuard<'static, usize> {
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A terminal that was closed must not end the run.
fn write(bytes: &[u8]) {
    let _ = io::stderr().write_all(bytes);
}

/// What replaces `shown` lines above the cursor by `lines`.
fn drawing(shown: usize, lines: &[String], columns: usize) -> String {
    let mut text = String::new();
    if shown > 0 {
        // Up to the first line, and everything below it is removed.
        let _ = write!(text, "\u{1b}[{shown}A\r\u{1b}[J");
    }
    for line in lines {
        text.extend(line.chars().take(columns.saturating_sub(1)));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_view_is_replaced_and_fits_the_width() {
        let lines = ["añb".to_owned(), "abcdefg".to_owned()];
        assert_eq!(drawing(0, &lines, 5), "añb\nabcd\n");
        assert_eq!(drawing(2, &lines[..1], 80), "\u{1b}[2A\r\u{1b}[Jañb\n");
        assert_eq!(drawing(1, &[], 80), "\u{1b}[1A\r\u{1b}[J");
        assert_eq!(drawing(0, &[], 80), "");
    }
}
