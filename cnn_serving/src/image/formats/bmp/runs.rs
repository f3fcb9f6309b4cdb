//! Runs of indices, row after row from the bottom.

use crate::image::error::DecodeError;
use crate::image::reader::Reader;

/// The indices of all pixels. As with Pillow, a run ends with its row, and all pixels have to be there.
pub(super) fn decode(
    reader: &mut Reader<'_>,
    (width, height): (usize, usize),
    four_bits: bool,
) -> Result<Vec<u8>, DecodeError> {
    let length = width * height;
    let mut indices: Vec<u8> = Vec::with_capacity(length);
    let mut x = 0;
    while indices.len() < length {
        let [count, code] = *reader.take()?;
        match (count, code) {
            (0, 0) => {
                indices.resize(indices.len().next_multiple_of(width), 0);
                x = 0;
            }
            (0, 1) => return Err(reader.format().broken("its pixels end early")),
            (0, 2) => {
                let [right, up] = *reader.take()?;
                let skipped = usize::from(right) + usize::from(up) * width;
                indices.resize((indices.len() + skipped).min(length), 0);
                x = indices.len() % width;
            }
            (0, count) => {
                let missing = length - indices.len();
                literal(reader, &mut indices, usize::from(count).min(missing), four_bits)?;
                x += usize::from(count);
            }
            (count, code) => {
                let count = usize::from(count).min(width.saturating_sub(x));
                let pair = if four_bits { [code >> 4, code & 15] } else { [code; 2] };
                indices.extend(pair.iter().cycle().take(count));
                x += count;
            }
        }
    }
    indices.truncate(length);
    Ok(indices)
}

/// Indices as they are, padded to an even place in the file.
fn literal(
    reader: &mut Reader<'_>,
    indices: &mut Vec<u8>,
    count: usize,
    four_bits: bool,
) -> Result<(), DecodeError> {
    if four_bits {
        let pairs = reader.slice(count.div_ceil(2))?;
        indices.extend(pairs.iter().flat_map(|pair| [pair >> 4, pair & 15]).take(count));
    } else {
        indices.extend(reader.slice(count)?);
    }
    if !reader.position().is_multiple_of(2) && !reader.rest().is_empty() {
        reader.byte()?;
    }
    Ok(())
}
