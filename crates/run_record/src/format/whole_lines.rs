//! The whole lines of a file that may end in the middle of one.

use std::io::{self, BufRead, Read};

/// A longer line is passed on in parts: none of ours is as long.
const MAX_LINE_BYTES: u64 = 1 << 20;

/// Reads the whole lines and leaves out the last one if it has no end. The system may write half a line before it kills
/// a program, and half a number is another number.
#[derive(Debug)]
pub(super) struct WholeLines<R> {
    from: R,
    line: Vec<u8>,
    /// How many bytes of `line` were passed on.
    passed: usize,
    is_cut_off: bool,
}

impl<R: BufRead> WholeLines<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, line: Vec::new(), passed: 0, is_cut_off: false }
    }

    /// Whether the last line had no end. False before the end of the file.
    pub(super) fn is_cut_off(&self) -> bool {
        self.is_cut_off
    }

    /// The next line with its end, or nothing at the end of the file.
    pub(super) fn next_line(&mut self) -> io::Result<Option<&[u8]>> {
        self.line.clear();
        self.passed = 0;
        let length = self.from.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut self.line)?;
        if !self.line.ends_with(b"\n") && (length as u64) < MAX_LINE_BYTES {
            self.is_cut_off |= length > 0;
            self.line.clear();
        }
        Ok((!self.line.is_empty()).then_some(&self.line))
    }
}

impl<R: BufRead> Read for WholeLines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.passed == self.line.len() {
            self.next_line()?;
        }
        let length = (&self.line[self.passed..]).read(buffer)?;
        self.passed += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_line_is_left_out() {
        for (text, whole, is_cut_off) in [
            ("", "", false),
            ("a", "", true),
            ("a\n", "a\n", false),
            ("a\nb", "a\n", true),
            ("a\n\nb\r\nc", "a\n\nb\r\n", true),
        ] {
            let mut lines = WholeLines::new(text.as_bytes());
            assert_eq!(io::read_to_string(&mut lines).unwrap(), whole, "{text:?}");
            assert_eq!(lines.is_cut_off(), is_cut_off, "{text:?}");
        }
    }

    #[test]
    fn a_long_line_takes_little_memory() {
        let text = "x".repeat(5 << 20);
        let mut lines = WholeLines::new(text.as_bytes());
        assert_eq!(lines.next_line().unwrap().unwrap().len() as u64, MAX_LINE_BYTES);
        assert!(lines.line.capacity() as u64 <= 2 * MAX_LINE_BYTES);
    }
}
