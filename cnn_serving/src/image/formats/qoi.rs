//! QOI, pixel by pixel.

use crate::image::error::DecodeError;
use crate::image::format::Format;
use crate::image::limits::check_size;
use crate::image::nearest::Nearest;
use crate::image::reader::Reader;
use crate::image::thumbnail::Thumbnail;

type Rgba = [u8; 4];

pub(super) fn decode(bytes: &[u8]) -> Result<Thumbnail, DecodeError> {
    let mut reader = Reader::new(Format::Qoi, bytes);
    reader.take::<4>()?;
    let (width, height) = (u32::from_be_bytes(*reader.take()?), u32::from_be_bytes(*reader.take()?));
    check_size("a QOI", (width, height), 0.0)?;
    // Whether there is alpha, which is dropped, and a hint at the colour space, which nobody heeds.
    reader.take::<2>()?;
    let mut pixels = Pixels::new(reader);
    let mut shown = Nearest::new((width as usize, height as usize));
    let mut row = vec![[0; 3]; width as usize];
    for y in 0..height as usize {
        for pixel in &mut row {
            let [red, green, blue, _] = pixels.next()?;
            *pixel = [red, green, blue];
        }
        shown.row(y, |x| row[x]);
    }
    Ok(shown.finish())
}

/// The pixels of the file, one after the other.
struct Pixels<'a> {
    reader: Reader<'a>,
    previous: Rgba,
    /// How many more times the previous pixel comes.
    repeats: u8,
    seen: [Rgba; 64],
}

impl<'a> Pixels<'a> {
    fn new(reader: Reader<'a>) -> Self {
        Self { reader, previous: [0, 0, 0, 255], repeats: 0, seen: [[0; 4]; 64] }
    }

    fn next(&mut self) -> Result<Rgba, DecodeError> {
        if self.repeats > 0 {
            self.repeats -= 1;
            return Ok(self.previous);
        }
        let [red, green, blue, alpha] = self.previous;
        let [code] = *self.reader.take()?;
        let low = code & 0x3f;
        self.previous = match code {
            0xfe => {
                let [red, green, blue] = *self.reader.take()?;
                [red, green, blue, alpha]
            }
            0xff => *self.reader.take()?,
            0x00..=0x3f => self.seen[usize::from(low)],
            0x40..=0x7f => {
                let step = |value: u8, shift: u8| value.wrapping_add(low >> shift & 3).wrapping_sub(2);
                [step(red, 4), step(green, 2), step(blue, 0), alpha]
            }
            0x80..=0xbf => {
                let [second] = *self.reader.take()?;
                let green_step = low.wrapping_sub(32);
                let step =
                    |value: u8, by: u8| value.wrapping_add(green_step).wrapping_add(by).wrapping_sub(8);
                [step(red, second >> 4), step(green, 8), step(blue, second & 15), alpha]
            }
            0xc0..=0xfd => {
                self.repeats = low;
                return Ok(self.previous);
            }
        };
        self.seen[slot(self.previous)] = self.previous;
        Ok(self.previous)
    }
}

fn slot([red, green, blue, alpha]: Rgba) -> usize {
    (usize::from(red) * 3 + usize::from(green) * 5 + usize::from(blue) * 7 + usize::from(alpha) * 11) % 64
}
