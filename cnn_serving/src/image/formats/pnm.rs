//! PBM, PGM and PPM, with samples as bits, bytes or text.

use crate::image::error::DecodeError;
use crate::image::format::Format;
use crate::image::limits::check_size;
use crate::image::nearest::{Nearest, resize};
use crate::image::reader::Reader;
use crate::image::thumbnail::Thumbnail;

/// The longest number that Pillow reads.
const MAX_DIGITS: usize = 10;

/// How samples become levels.
#[derive(Debug, Clone, Copy)]
struct Scale {
    maximum: u32,
    /// Whether the levels have 16 bits. Those above 255 are white.
    deep: bool,
}

pub(super) fn decode(bytes: &[u8]) -> Result<Thumbnail, DecodeError> {
    let mut reader = Reader::new(Format::Pnm, bytes);
    let [_, kind, _] = *reader.take()?;
    let (width, height) = (header_number(&mut reader)?, header_number(&mut reader)?);
    check_size("a PNM", (width, height), 0.0)?;
    let size = (width as usize, height as usize);
    let samples_per_pixel = if matches!(kind, b'3' | b'6') { 3 } else { 1 };
    if matches!(kind, b'1' | b'4') {
        return if kind == b'1' { text_bits(reader.rest(), size) } else { bits(reader, size) };
    }
    let scale = Scale::new(header_number(&mut reader)?, samples_per_pixel == 1)?;
    if matches!(kind, b'2' | b'3') {
        text(reader.rest(), size, samples_per_pixel, scale)
    } else {
        binary(reader, size, samples_per_pixel, scale)
    }
}

fn bits(mut reader: Reader<'_>, (width, height): (usize, usize)) -> Result<Thumbnail, DecodeError> {
    let stride = width.div_ceil(8);
    let rows = reader.slice(stride * height)?;
    Ok(resize((width, height), |x, y| bit(rows[y * stride + x / 8] >> (7 - x % 8) & 1 == 1)))
}

fn binary(
    mut reader: Reader<'_>,
    (width, height): (usize, usize),
    samples_per_pixel: usize,
    scale: Scale,
) -> Result<Thumbnail, DecodeError> {
    let sample_len = if scale.maximum > 255 { 2 } else { 1 };
    let pixel_len = samples_per_pixel * sample_len;
    let samples = reader.slice(width * height * pixel_len)?;
    Ok(resize((width, height), |x, y| {
        let pixel = &samples[(y * width + x) * pixel_len..][..pixel_len];
        let level = |index: usize| match &pixel[index % samples_per_pixel * sample_len..] {
            [high, low, ..] if sample_len == 2 => scale.level(u16::from_be_bytes([*high, *low]).into()),
            sample => scale.level(sample[0].into()),
        };
        std::array::from_fn(level)
    }))
}

/// Digits, with or without white space between them.
fn text_bits(text: &[u8], (width, height): (usize, usize)) -> Result<Thumbnail, DecodeError> {
    let digits: Vec<u8> = without_comments(text).into_iter().filter(|byte| !is_white_space(*byte)).collect();
    if let Some(other) = digits.iter().find(|digit| !matches!(digit, b'0' | b'1')) {
        return Err(Format::Pnm.broken(format!("{:?} stands for a bit", char::from(*other))));
    }
    let bits = digits.get(..width * height).ok_or_else(|| Format::Pnm.ends_early())?;
    Ok(resize((width, height), |x, y| bit(bits[y * width + x] == b'1')))
}

fn text(
    text: &[u8],
    (width, height): (usize, usize),
    samples_per_pixel: usize,
    scale: Scale,
) -> Result<Thumbnail, DecodeError> {
    let text = without_comments(text);
    let mut levels =
        text.split(|byte| is_white_space(*byte)).filter(|digits| !digits.is_empty()).map(|digits| {
            let sample = number(digits)?;
            let too_large =
                || Format::Pnm.broken(format!("a sample is {sample}; expected at most {}", scale.maximum));
            if sample <= scale.maximum { Ok(scale.level(sample)) } else { Err(too_large()) }
        });
    let mut shown = Nearest::new((width, height));
    let mut row = vec![0; width * samples_per_pixel];
    for y in 0..height {
        for level in &mut row {
            *level = levels.next().ok_or_else(|| Format::Pnm.ends_early())??;
        }
        shown.row(y, |x| std::array::from_fn(|index| row[x * samples_per_pixel + index % samples_per_pixel]));
    }
    Ok(shown.finish())
}

impl Scale {
    fn new(maximum: u32, grey: bool) -> Result<Self, DecodeError> {
        match maximum {
            1..=0xffff => Ok(Self { maximum, deep: grey && maximum > 255 }),
            _ => Err(Format::Pnm.broken(format!("its largest sample is {maximum}; expected 1 to 65535"))),
        }
    }

    /// As Pillow computes it: in floating point, with halves rounded to even.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in 0..=255")]
    fn level(self, sample: u32) -> u8 {
        let white = if self.deep { 65535.0 } else { 255.0 };
        let level = (f64::from(sample) / f64::from(self.maximum) * white).round_ties_even();
        level.min(255.0) as u8
    }
}

/// A set bit is black.
fn bit(set: bool) -> [u8; 3] {
    if set { [0; 3] } else { [255; 3] }
}

/// A number of the header and the one character behind it. A comment reaches to the end of its line, and does not end
/// the number that it stands in.
fn header_number(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    let mut digits = Vec::new();
    while digits.len() <= MAX_DIGITS {
        match reader.byte()? {
            byte if is_white_space(byte) && digits.is_empty() => {}
            byte if is_white_space(byte) => break,
            b'#' => while !matches!(reader.byte()?, b'\r' | b'\n') {},
            byte => digits.push(byte),
        }
    }
    number(&digits)
}

fn number(digits: &[u8]) -> Result<u32, DecodeError> {
    let text = str::from_utf8(digits).ok().filter(|text| text.len() <= MAX_DIGITS && !text.starts_with('+'));
    let not_a_number =
        || Format::Pnm.broken(format!("{:?} is not a number", String::from_utf8_lossy(digits)));
    text.and_then(|text| text.parse().ok()).ok_or_else(not_a_number)
}

/// A comment reaches to the end of its line and takes that along, so that it joins what stands around it.
fn without_comments(text: &[u8]) -> Vec<u8> {
    let mut inside = false;
    let keep = |byte: &u8| {
        let keeps = !inside && *byte != b'#';
        inside = if inside { !matches!(byte, b'\r' | b'\n') } else { *byte == b'#' };
        keeps
    };
    let mut kept = text.to_vec();
    kept.retain(keep);
    kept
}

fn is_white_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}
