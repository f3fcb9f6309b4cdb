//! A reader that hashes what it reads.

use std::io::{self, Read};

use sha2::{Digest as _, Sha256};

use crate::text::hex;

/// Passes on what it reads, and hashes it.
pub(super) struct Hashed<R> {
    from: R,
    hash: Sha256,
}

impl<R> Hashed<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, hash: Sha256::new() }
    }

    /// SHA-256, in hexadecimal, of what was read.
    pub(super) fn sha256(self) -> String {
        hex(&self.hash.finalize())
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.hash.update(&buffer[..count]);
        Ok(count)
    }
}
