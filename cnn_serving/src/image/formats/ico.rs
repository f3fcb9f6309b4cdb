//! ICO: the picture of the icon that Pillow chooses, which is a PNG or a bitmap.

use super::{bmp, png};
use crate::image::error::DecodeError;
use crate::image::format::Format;
use crate::image::reader::Reader;
use crate::image::thumbnail::Thumbnail;

/// What the directory says of one picture.
#[derive(Debug)]
struct Entry {
    pixels: u32,
    bits: u16,
    /// What tells pictures of equal size apart.
    depth: u16,
    length: usize,
    position: usize,
}

pub(super) fn decode(bytes: &[u8]) -> Result<Thumbnail, DecodeError> {
    let file = Reader::new(Format::Ico, bytes);
    let mut directory = file.at(4);
    let count = directory.u16()?;
    let entries = (0..count).map(|_| Entry::read(&mut directory)).collect::<Result<Vec<_>, _>>()?;
    // The largest, of these the one with the fewest colours, and of these the first.
    let chosen = entries.iter().rev().max_by_key(|entry| (entry.pixels, u16::MAX - entry.depth));
    let entry = chosen.ok_or_else(|| Format::Ico.broken("it has no picture"))?;
    let picture = file.at(entry.position);
    if picture.rest().starts_with(b"\x89PNG\r\n\x1a\n") {
        return png::decode(picture.rest());
    }
    let mut bitmap = bmp::Picture::read(picture, None)?;
    // A bitmap counts the rows of the mask too.
    bitmap.header.height /= 2;
    entry.check_mask(file, &bitmap)?;
    bitmap.decode()
}

impl Entry {
    fn read(directory: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let [width, height, colours, _] = directory.take::<4>()?.map(u16::from);
        // The 0 stands for 256.
        let side = |length: u16| u32::from(if length == 0 { 256 } else { length });
        directory.u16()?;
        let bits = directory.u16()?;
        let depth = match (bits, colours) {
            (0, 0 | 1) => 256,
            (0, colours) => u16::try_from((colours - 1).ilog2() + 1).unwrap_or(u16::MAX),
            (bits, _) => bits,
        };
        let (length, position) = (directory.u32()? as usize, directory.u32()? as usize);
        Ok(Self { pixels: side(width) * side(height), bits, depth, length, position })
    }

    /// Pillow reads the mask, and refuses the icon if that ends early.
    fn check_mask(&self, file: Reader<'_>, bitmap: &bmp::Picture<'_>) -> Result<(), DecodeError> {
        let (width, height) = (bitmap.header.width as usize, bitmap.header.height as usize);
        if height == 0 {
            return Err(Format::Ico.broken("its bitmap has no rows"));
        }
        let (mut mask, length) = if self.bits == 32 {
            (bitmap.pixels, width * height * 4)
        } else {
            let length = width.next_multiple_of(32) * height / 8;
            let end = self.position.saturating_add(self.length);
            (file.at(end.checked_sub(length).ok_or_else(|| Format::Ico.ends_early())?), length)
        };
        mask.slice(length).map(drop)
    }
}
