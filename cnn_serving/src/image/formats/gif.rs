//! GIF: the first frame, on the canvas that Pillow makes for it.

use std::num::NonZeroU64;

use ::gif::{DecodeOptions, Decoder, DecodingError, Frame, MemoryLimit};

use crate::image::error::DecodeError;
use crate::image::format::Format;
use crate::image::limits::{MAX_MEMORY, check_size};
use crate::image::nearest::resize;
use crate::image::thumbnail::Thumbnail;

pub(super) fn decode(bytes: &[u8]) -> Result<Thumbnail, DecodeError> {
    let mut decoder = open(bytes).map_err(broken)?;
    let screen = (decoder.width(), decoder.height());
    let global = decoder.global_palette().map(<[u8]>::to_vec);
    let frame =
        decoder.next_frame_info().map_err(broken)?.ok_or_else(|| Format::Gif.broken("it has no frame"))?;
    // A frame beyond the screen enlarges it.
    let width = u32::from(screen.0).max(u32::from(frame.left) + u32::from(frame.width));
    let height = u32::from(screen.1).max(u32::from(frame.top) + u32::from(frame.height));
    check_size("a GIF", (width, height), 1.0)?;
    if frame.width == 0 || frame.height == 0 {
        return Err(Format::Gif.unsupported("an empty first frame"));
    }
    let frame = frame.clone();
    let mut indices = vec![0; usize::from(frame.width) * usize::from(frame.height)];
    decoder.read_into_buffer(&mut indices).map_err(broken)?;
    // Pillow passes over a palette of the frame that only names the levels of grey.
    let own = frame.palette.as_deref().filter(|palette| !is_grey(palette));
    let colours = colours(own.or(global.as_deref()).unwrap_or_default());
    Ok(resize((width as usize, height as usize), |x, y| colours[usize::from(index(&frame, &indices, x, y))]))
}

fn open(bytes: &[u8]) -> Result<Decoder<&[u8]>, DecodingError> {
    let mut options = DecodeOptions::new();
    options.set_memory_limit(NonZeroU64::new(MAX_MEMORY).map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes));
    options.read_info(bytes)
}

/// The colour of each index. Those that the palette lacks are black, but grey if the palette only names the levels of
/// grey.
fn colours(palette: &[u8]) -> [[u8; 3]; 256] {
    let grey = is_grey(palette);
    let (entries, _) = palette.as_chunks::<3>();
    std::array::from_fn(
        |index| if grey { level(index) } else { entries.get(index).copied().unwrap_or_default() },
    )
}

fn is_grey(palette: &[u8]) -> bool {
    palette.as_chunks::<3>().0.iter().enumerate().all(|(index, entry)| *entry == level(index))
}

/// The grey of a level up to 255.
fn level(index: usize) -> [u8; 3] {
    [u8::try_from(index).unwrap_or(u8::MAX); 3]
}

/// The index at a place of the canvas. Around the frame it is the transparent one, or else the first.
fn index(frame: &Frame<'_>, indices: &[u8], x: usize, y: usize) -> u8 {
    let inside = |place: usize, first: u16, count: u16| {
        place.checked_sub(first.into()).filter(|place| *place < usize::from(count))
    };
    match (inside(x, frame.left, frame.width), inside(y, frame.top, frame.height)) {
        (Some(x), Some(y)) => indices[y * usize::from(frame.width) + x],
        _ => frame.transparent.unwrap_or(0),
    }
}

fn broken(error: DecodingError) -> DecodeError {
    match error.to_string() {
        // This is valid, and the decoder's error has nothing else to tell it by.
        text if text.starts_with("no color table") => Format::Gif.unsupported("no palette"),
        text => Format::Gif.broken(text),
    }
}
