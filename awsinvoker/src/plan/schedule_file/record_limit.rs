//! A reader that refuses records that would fill the memory.

use std::io::{self, Read};

/// A longer record is refused. One of invitro's longest traces has 60 KB.
const MAX_RECORD_BYTES: usize = 1 << 20;

/// Passes on what it reads, as long as records end. A line end is no end within quotation marks, so whoever splits the
/// bytes into records tells.
#[derive(Debug)]
pub(super) struct RecordLimit<R> {
    from: R,
    /// Bytes since the last record was told.
    bytes: usize,
}

impl<R> RecordLimit<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, bytes: 0 }
    }

    /// What it reads from.
    pub(super) fn into_inner(self) -> R {
        self.from
    }

    /// A record has ended. What was read ahead of its end does not count for the next one: some KB.
    pub(super) fn record_ended(&mut self) {
        self.bytes = 0;
    }
}

impl<R: Read> Read for RecordLimit<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.bytes += count;
        if self.bytes > MAX_RECORD_BYTES {
            let problem = format!(
                "a line has more than {MAX_RECORD_BYTES} bytes, or a quotation mark has no second one that ends the value"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
        }
        Ok(count)
    }
}
