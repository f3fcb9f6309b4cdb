//! PNG, row by row.

use std::io::Cursor;

use ::png::{BitDepth, ColorType, DecodeOptions, Decoder, DecodingError, Limits, Reader, Transformations};

use crate::image::error::DecodeError;
use crate::image::format::Format;
use crate::image::integrity;
use crate::image::limits::{MAX_MEMORY, check_size};
use crate::image::nearest::Nearest;
use crate::image::thumbnail::Thumbnail;

/// Where pixels are along one side: the first, and the step to the next.
type Places = (usize, usize);

/// The columns and rows of each pass of an interlaced picture.
const PASSES: [(Places, Places); 7] = [
    ((0, 8), (0, 8)),
    ((4, 8), (0, 8)),
    ((0, 4), (4, 8)),
    ((2, 4), (0, 4)),
    ((0, 2), (2, 4)),
    ((1, 2), (0, 2)),
    ((0, 1), (1, 2)),
];
const ONE_PASS: [(Places, Places); 1] = [((0, 1), (0, 1))];

/// What the samples of one pixel are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    Grey,
    GreyAlpha,
    Rgb,
    Rgba,
    /// One sample of 16 bits, high byte first.
    Grey16,
}

pub(super) fn decode(bytes: &[u8]) -> Result<Thumbnail, DecodeError> {
    let mut reader = open(bytes)?;
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    let layout = Layout::of(reader.output_color_type());
    let passes = if reader.info().interlaced { &PASSES[..] } else { &ONE_PASS };
    let mut shown = Nearest::new((width, height));
    for (columns, y) in rows(passes, width, height) {
        let row = reader.next_row().map_err(broken)?.ok_or_else(|| Format::Png.ends_early())?;
        shown.interlaced_row(y, columns, |x| layout.to_rgb(&row.data()[x * layout.bytes()..]));
    }
    // Nothing but the end of the compressed pixels, and of their chunk.
    reader.next_row().map_err(broken)?;
    Ok(shown.finish())
}

/// Checks the header and all checksums.
pub(super) fn probe(bytes: &[u8]) -> Result<(), DecodeError> {
    open(bytes)?;
    integrity::check_png(bytes).map_err(|damage| Format::Png.broken(damage))
}

fn open(bytes: &[u8]) -> Result<Reader<Cursor<&[u8]>>, DecodeError> {
    let mut options = DecodeOptions::default();
    options.set_ignore_text_chunk(true);
    options.set_ignore_iccp_chunk(true);
    // As Pillow does.
    options.set_skip_ancillary_crc_failures(false);
    options.set_ignore_adler32(false);
    let mut decoder = Decoder::new_with_options(Cursor::new(bytes), options);
    decoder.set_limits(Limits { bytes: usize::try_from(MAX_MEMORY).unwrap_or(usize::MAX) });
    let header = decoder.read_header_info().map_err(broken)?;
    check_size("a PNG", (header.width, header.height), 0.0)?;
    // Pillow keeps 16 bits only for grey without alpha; of all other samples it takes the high byte.
    let grey16 = header.color_type == ColorType::Grayscale && header.bit_depth == BitDepth::Sixteen;
    let expanded = Transformations::EXPAND | Transformations::STRIP_16;
    decoder.set_transformations(if grey16 { Transformations::IDENTITY } else { expanded });
    decoder.read_info().map_err(broken)
}

/// The rows in the order of the file: which columns each holds, and where it is.
fn rows(
    passes: &[(Places, Places)],
    width: usize,
    height: usize,
) -> impl Iterator<Item = (Places, usize)> + use<'_> {
    let not_empty = passes.iter().filter(move |((first_column, _), _)| *first_column < width);
    not_empty.flat_map(move |(columns, (first, step))| (*first..height).step_by(*step).map(|y| (*columns, y)))
}

fn broken(error: DecodingError) -> DecodeError {
    match error {
        DecodingError::LimitsExceeded => {
            Format::Png.unsupported(format!("more than {MAX_MEMORY} bytes of extra data"))
        }
        error => Format::Png.broken(error),
    }
}

impl Layout {
    fn of(kind: (ColorType, BitDepth)) -> Self {
        match kind {
            (ColorType::Grayscale, BitDepth::Sixteen) => Self::Grey16,
            (ColorType::Grayscale, _) => Self::Grey,
            (ColorType::GrayscaleAlpha, _) => Self::GreyAlpha,
            (ColorType::Rgba, _) => Self::Rgba,
            // Palettes have been expanded.
            (ColorType::Rgb | ColorType::Indexed, _) => Self::Rgb,
        }
    }

    /// Bytes of one pixel.
    fn bytes(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::GreyAlpha | Self::Grey16 => 2,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }

    /// The first pixel of `samples`, as Pillow's `convert("RGB")` has it: alpha is dropped and not blended, and
    /// 16-bit grey above 255 is white.
    fn to_rgb(self, samples: &[u8]) -> [u8; 3] {
        match self {
            Self::Grey | Self::GreyAlpha => [samples[0]; 3],
            Self::Rgb | Self::Rgba => [samples[0], samples[1], samples[2]],
            Self::Grey16 => [if samples[0] == 0 { samples[1] } else { 255 }; 3],
        }
    }
}
