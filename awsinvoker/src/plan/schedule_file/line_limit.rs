//! A reader that refuses lines that would fill the memory.

use std::io::{self, Read};

/// A longer line is refused. A line of invitro's longest traces has 60 KB.
const MAX_LINE_BYTES: usize = 1 << 20;

/// Passes on what it reads, as long as lines end.
#[derive(Debug)]
pub(super) struct LineLimit<R> {
    from: R,
    /// Bytes since the last line end.
    line_bytes: usize,
}

impl<R> LineLimit<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, line_bytes: 0 }
    }
}

impl<R: Read> Read for LineLimit<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        let end = buffer[..count].iter().rposition(|byte| *byte == b'\n');
        self.line_bytes = end.map_or(self.line_bytes + count, |end| count - end - 1);
        if self.line_bytes > MAX_LINE_BYTES {
            let problem = format!("a line has more than {MAX_LINE_BYTES} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
        }
        Ok(count)
    }
}
