//! BMP: bits in rows, indices, or runs of indices.

mod header;
mod runs;

use self::header::{Coding, Header, Indices};
use crate::image::error::DecodeError;
use crate::image::format::Format;
use crate::image::nearest::resize;
use crate::image::reader::Reader;
use crate::image::thumbnail::Thumbnail;

/// Where the two bytes of the pixels' position stand.
const POSITION: usize = 10;
const FILE_HEADER_LEN: usize = 14;

pub(super) fn decode(bytes: &[u8]) -> Result<Thumbnail, DecodeError> {
    let file = Reader::new(Format::Bmp, bytes);
    let position = file.at(POSITION).u32()? as usize;
    Picture::read(file.at(FILE_HEADER_LEN), Some(position))?.decode()
}

/// A bitmap within a file, with its header read.
#[derive(Debug)]
pub(super) struct Picture<'a> {
    pub(super) header: Header,
    /// At the pixels.
    pub(super) pixels: Reader<'a>,
}

impl<'a> Picture<'a> {
    /// Reads the header at `reader`. `position` is where the pixels are if not behind the header and the palette.
    pub(super) fn read(mut reader: Reader<'a>, position: Option<usize>) -> Result<Self, DecodeError> {
        let header_position = reader.position();
        let mut header = Header::read(&mut reader)?;
        // Some writers give the position of the palette instead.
        let palette = header_position + header.length;
        let position = match position {
            Some(position) if position == palette && header.bits <= 8 => palette + header.palette_len(),
            Some(position) if position != 0 => position,
            _ => reader.position() + if header.bits <= 8 { header.palette_len() } else { 0 },
        };
        header.read_palette(&mut reader)?;
        Ok(Self { header, pixels: reader.at(position) })
    }

    /// Decodes the pixels.
    pub(super) fn decode(mut self) -> Result<Thumbnail, DecodeError> {
        let Header { width, height, from_top, .. } = self.header;
        let size = (width as usize, height as usize);
        let row = |y: usize| if from_top { y } else { size.1 - 1 - y };
        match &self.header.coding {
            Coding::Runs { four_bits, indices } => {
                let found = runs::decode(&mut self.pixels, size, *four_bits)?;
                Ok(resize(size, |x, y| indices.colour(found[row(y) * size.0 + x])))
            }
            Coding::Indices(indices) => {
                let rows = self.rows()?;
                Ok(resize(size, |x, y| {
                    indices.colour(self.header.index(&rows[row(y) * self.header.stride()..], x))
                }))
            }
            Coding::Colours(layout) => {
                let rows = self.rows()?;
                let bytes = usize::from(self.header.bits / 8);
                Ok(resize(size, |x, y| layout.colour(&rows[row(y) * self.header.stride() + x * bytes..])))
            }
        }
    }

    /// All rows, each padded to four bytes.
    fn rows(&self) -> Result<&'a [u8], DecodeError> {
        let mut pixels = self.pixels;
        pixels.slice(self.header.stride() * self.header.height as usize)
    }
}

impl Indices {
    fn colour(&self, index: u8) -> [u8; 3] {
        match self {
            Self::BlackAndWhite => [if index == 0 { 0 } else { 255 }; 3],
            Self::Grey => [index; 3],
            // What the palette lacks is black.
            Self::Palette(colours) => colours.get(usize::from(index)).copied().unwrap_or_default(),
        }
    }
}
