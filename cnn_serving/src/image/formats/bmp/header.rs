//! What the header of a bitmap says, in any of its seven versions.

use crate::image::error::DecodeError;
use crate::image::format::Format;
use crate::image::limits::check_size;
use crate::image::reader::Reader;

/// The first version. The others begin with the fields of the next one.
const OLDEST_LEN: usize = 12;
/// The first version that holds the masks of the colours; before, they stand behind the header.
const WITH_MASKS_LEN: usize = 52;
/// The first version that holds a mask of alpha.
const WITH_ALPHA_LEN: usize = 56;

#[derive(Debug)]
pub(in crate::image::formats) struct Header {
    pub(super) length: usize,
    pub(in crate::image::formats) width: u32,
    pub(in crate::image::formats) height: u32,
    pub(super) from_top: bool,
    pub(in crate::image::formats) bits: u16,
    /// How many colours the palette has.
    colours: u32,
    /// Bytes of each.
    colour_len: usize,
    pub(super) coding: Coding,
}

/// How the pixels are written.
#[derive(Debug)]
pub(super) enum Coding {
    Colours(Layout),
    Indices(Indices),
    Runs { four_bits: bool, indices: Indices },
}

/// What an index means.
#[derive(Debug)]
pub(super) enum Indices {
    BlackAndWhite,
    Grey,
    Palette(Vec<[u8; 3]>),
}

/// Where the colours are in the bytes of a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Whole bytes: the places of red, green and blue.
    Bytes([usize; 3]),
    /// Five bits each.
    Bits555,
    /// Green has six bits.
    Bits565,
}

impl Header {
    /// Reads all but the palette.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let length = reader.u32()? as usize;
        let mut fields = *reader;
        match length {
            OLDEST_LEN | 40 | WITH_MASKS_LEN | WITH_ALPHA_LEN | 64 | 108 | 124 => reader.slice(length - 4)?,
            _ => return Err(reader.format().unsupported(format!("a header of {length} bytes"))),
        };
        let (width, height, from_top) = if length == OLDEST_LEN {
            (fields.u16()?.into(), fields.u16()?.into(), false)
        } else {
            let (width, height) = (fields.u32()?, fields.u32()?);
            // A negative height; Pillow looks at the highest byte only.
            let from_top = height >> 24 == 0xff;
            (width, if from_top { height.wrapping_neg() } else { height }, from_top)
        };
        fields.u16()?;
        let bits = fields.u16()?;
        let (mut compression, mut colours) = (0, 0);
        if length > OLDEST_LEN {
            compression = fields.u32()?;
            fields.take::<12>()?;
            colours = fields.u32()?;
            fields.take::<4>()?;
        }
        check_size("a BMP", (width, height), if matches!(compression, 1 | 2) { 1.0 } else { 0.0 })?;
        let masks = if length < WITH_MASKS_LEN { &mut *reader } else { &mut fields };
        let coding = Coding::of(compression, bits, masks, length >= WITH_ALPHA_LEN)?;
        let colours = if colours == 0 { 1_u32.checked_shl(bits.into()).unwrap_or(0) } else { colours };
        let colour_len = if length == OLDEST_LEN { 3 } else { 4 };
        Ok(Self { length, width, height, from_top, bits, colours, colour_len, coding })
    }

    /// Bytes of the palette.
    pub(super) fn palette_len(&self) -> usize {
        self.colour_len.saturating_mul(self.colours as usize)
    }

    /// Bytes of a row.
    pub(super) fn stride(&self) -> usize {
        (self.width as usize * usize::from(self.bits)).div_ceil(32) * 4
    }

    /// The index in column `x` of a row.
    pub(super) fn index(&self, row: &[u8], x: usize) -> u8 {
        match self.bits {
            1 => row[x / 8] >> (7 - x % 8) & 1,
            4 if x.is_multiple_of(2) => row[x / 2] >> 4,
            4 => row[x / 2] & 15,
            _ => row[x],
        }
    }

    /// Reads the palette, if there is one.
    pub(super) fn read_palette(&mut self, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        let (bits, colours) = (self.bits, self.colours);
        let (indices, runs) = match &mut self.coding {
            Coding::Colours(_) => return Ok(()),
            Coding::Indices(indices) => (indices, false),
            Coding::Runs { indices, .. } => (indices, true),
        };
        if !(1..=256).contains(&colours) {
            return Err(reader.format().unsupported(format!("a palette of {colours} colours")));
        }
        let entries = reader.slice(self.colour_len * colours as usize)?.chunks_exact(self.colour_len);
        let palette: Vec<_> = entries.map(|entry| [entry[2], entry[1], entry[0]]).collect();
        *indices = Indices::of(palette);
        // Pillow takes the indices for levels then, whatever number of bits they have.
        match indices {
            Indices::BlackAndWhite if runs || bits != 1 => {}
            Indices::Grey if !runs && bits != 8 => {}
            _ => return Ok(()),
        }
        Err(reader.format().unsupported(format!("a palette of grey levels for indices of {bits} bits")))
    }
}

impl Coding {
    fn of(compression: u32, bits: u16, masks: &mut Reader<'_>, alpha: bool) -> Result<Self, DecodeError> {
        let none = Indices::Grey;
        match (compression, bits) {
            (0, 1 | 4 | 8) => Ok(Self::Indices(none)),
            (0, 16) => Ok(Self::Colours(Layout::Bits555)),
            (0, 24 | 32) => Ok(Self::Colours(Layout::Bytes([2, 1, 0]))),
            (1, 8) => Ok(Self::Runs { four_bits: false, indices: none }),
            (2, 4) => Ok(Self::Runs { four_bits: true, indices: none }),
            (3, 16 | 24 | 32) => {
                let colours = [masks.u32()?, masks.u32()?, masks.u32()?];
                Layout::of(bits, colours, if alpha { masks.u32()? } else { 0 }).map(Self::Colours)
            }
            (0..=3, _) => {
                Err(Format::Bmp.unsupported(format!("{bits} bits per pixel and compression {compression}")))
            }
            _ => Err(Format::Bmp.unsupported(format!("compression {compression}"))),
        }
    }
}

impl Indices {
    /// Pillow does not look at the palette again if it says of each index what that is as a level.
    fn of(palette: Vec<[u8; 3]>) -> Self {
        let black_and_white = palette.len() == 2;
        let level = |index: usize| if black_and_white { 255 * index } else { index };
        if !palette.iter().enumerate().all(|(index, colour)| colour.map(usize::from) == [level(index); 3]) {
            Self::Palette(palette)
        } else if palette.len() <= 2 {
            Self::BlackAndWhite
        } else {
            Self::Grey
        }
    }
}

impl Layout {
    fn of(bits: u16, masks: [u32; 3], alpha: u32) -> Result<Self, DecodeError> {
        Ok(match (bits, masks, alpha) {
            (32, [0xff_0000, 0xff00, 0xff], 0 | 0xff00_0000) | (32, [0, 0, 0], 0) => Self::Bytes([2, 1, 0]),
            (32, [0xff00_0000, 0xff_0000, 0xff00], 0 | 0xff) => Self::Bytes([3, 2, 1]),
            (32, [0xff00_0000, 0xff00, 0xff], 0 | 0xff_0000) => Self::Bytes([3, 1, 0]),
            (32, [0xff, 0xff00, 0xff_0000], 0xff00_0000) => Self::Bytes([0, 1, 2]),
            (24, [0xff_0000, 0xff00, 0xff], _) => Self::Bytes([2, 1, 0]),
            (16, [0xf800, 0x07e0, 0x001f], _) => Self::Bits565,
            (16, [0x7c00, 0x03e0, 0x001f], _) => Self::Bits555,
            _ => {
                return Err(
                    Format::Bmp.unsupported(format!("the colour masks {masks:x?} and {alpha:x} of alpha"))
                );
            }
        })
    }

    /// The first pixel of `bytes`.
    pub(super) fn colour(self, bytes: &[u8]) -> [u8; 3] {
        match self {
            Self::Bytes(places) => places.map(|place| bytes[place]),
            Self::Bits555 => levels(bytes, [(10, 31), (5, 31), (0, 31)]),
            Self::Bits565 => levels(bytes, [(11, 31), (5, 63), (0, 31)]),
        }
    }
}

/// The levels of a pixel of 16 bits. Each colour is told by its lowest bit and its largest value; Pillow rounds down.
#[expect(clippy::cast_possible_truncation, reason = "levels are at most 255")]
fn levels(bytes: &[u8], colours: [(u16, u16); 3]) -> [u8; 3] {
    let pixel = u16::from_le_bytes([bytes[0], bytes[1]]);
    colours.map(|(lowest, largest)| ((pixel >> lowest & largest) * 255 / largest) as u8)
}
