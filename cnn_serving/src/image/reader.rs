//! Reading the fields of a file one after the other, without ever reading beyond its end.

use super::error::DecodeError;
use super::format::Format;

/// The rest of a file, and which format it is, for the error when it ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    format: Format,
    file: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(format: Format, file: &'a [u8]) -> Self {
        Self { format, file, position: 0 }
    }

    /// The same file, read from `position` on.
    pub(super) fn at(self, position: usize) -> Self {
        Self { position, ..self }
    }

    pub(super) fn format(&self) -> Format {
        self.format
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// What has not been read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.file.get(self.position..).unwrap_or_default()
    }

    pub(super) fn take<const LEN: usize>(&mut self) -> Result<&'a [u8; LEN], DecodeError> {
        let field = self.rest().first_chunk().ok_or_else(|| self.format.ends_early())?;
        self.position += LEN;
        Ok(field)
    }

    pub(super) fn slice(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let slice = self.rest().get(..length).ok_or_else(|| self.format.ends_early())?;
        self.position += length;
        Ok(slice)
    }

    pub(super) fn byte(&mut self) -> Result<u8, DecodeError> {
        self.take().map(|[byte]| *byte)
    }

    /// Little-endian, as all formats have it that are made for Windows.
    pub(super) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.take().map(|bytes| u16::from_le_bytes(*bytes))
    }

    /// Little-endian too.
    pub(super) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.take().map(|bytes| u32::from_le_bytes(*bytes))
    }
}
