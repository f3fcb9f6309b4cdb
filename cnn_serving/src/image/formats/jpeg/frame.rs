//! What a JPEG says of itself before its pixels: whether these can be decoded, and at what cost.

use libjpeg_turbo_rs::PixelFormat;

use crate::image::error::DecodeError;
use crate::image::format::Format;
use crate::image::integrity::{Segment, segments};
use crate::image::limits::{MAX_MEMORY, check_size};

/// The frame, and what matters of the segments around it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Frame {
    marker: u8,
    precision: u8,
    width: u16,
    height: u16,
    components: Vec<Component>,
    /// How many components each scan has.
    scans: Vec<u8>,
    /// The bytes of all segments that hold neither pixels nor tables. The decoder copies some of them.
    extra_len: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Component {
    id: u8,
    /// Samples in each group of pixels.
    across: u8,
    down: u8,
}

impl Frame {
    /// Damage behind the first scan is for the decoder to find.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut frame = Self::default();
        for segment in segments(bytes) {
            match segment {
                Ok(segment) => frame.add(segment)?,
                Err(_) if !frame.scans.is_empty() => break,
                Err(damage) => return Err(Format::Jpeg.broken(damage)),
            }
        }
        if frame.components.is_empty() {
            return Err(Format::Jpeg.broken("it has no frame"));
        }
        Ok(frame)
    }

    fn add(&mut self, Segment { marker, content }: Segment<'_>) -> Result<(), DecodeError> {
        match marker {
            0xc4 | 0xc8 | 0xcc => {}
            0xc0..=0xcf if self.components.is_empty() => self.add_frame(marker, content)?,
            0xc0..=0xcf => return Err(Format::Jpeg.unsupported("several frames")),
            Segment::START_OF_SCAN => self.scans.extend(content.first()),
            0xe0..=0xef | 0xfe => self.extra_len += content.len() as u64,
            _ => {}
        }
        Ok(())
    }

    fn add_frame(&mut self, marker: u8, content: &[u8]) -> Result<(), DecodeError> {
        let [precision, height_high, height_low, width_high, width_low, _, components @ ..] = content else {
            return Err(Format::Jpeg.broken("its frame ends early"));
        };
        (self.marker, self.precision) = (marker, *precision);
        self.height = u16::from_be_bytes([*height_high, *height_low]);
        self.width = u16::from_be_bytes([*width_high, *width_low]);
        let component =
            |[id, sampling, _]: &[u8; 3]| Component { id: *id, across: sampling >> 4, down: sampling & 15 };
        self.components = components.as_chunks().0.iter().map(component).collect();
        if self.components.iter().any(|component| component.across == 0 || component.down == 0) {
            return Err(Format::Jpeg.broken("a component has no samples"));
        }
        Ok(())
    }

    /// What the decoder is asked for.
    pub(super) fn output(&self) -> PixelFormat {
        match self.components.len() {
            1 => PixelFormat::Grayscale,
            4 => PixelFormat::Cmyk,
            _ => PixelFormat::Rgb,
        }
    }

    /// Checks that the picture is of a kind that is decoded as by libjpeg-turbo, and not too large.
    pub(super) fn check(&self) -> Result<(), DecodeError> {
        match self.unsupported() {
            Some(feature) => return Err(Format::Jpeg.unsupported(feature)),
            None if self.extra_len > MAX_MEMORY / 16 => {
                return Err(Format::Jpeg.unsupported(format!("{} bytes of extra data", self.extra_len)));
            }
            None => {}
        }
        let kind = if self.is_progressive() { "progressive JPEG" } else { "JPEG" };
        let what = format!("a {kind} with {} samples for {} pixels", self.samples().0, self.samples().1);
        check_size(what, (self.width, self.height), self.bytes_per_pixel())
    }

    fn is_progressive(&self) -> bool {
        matches!(self.marker, 0xc2 | 0xca)
    }

    fn unsupported(&self) -> Option<String> {
        let [first, others @ ..] = &self.components[..] else { return None };
        let count = self.components.len();
        let partial = |scan: &u8| *scan > 1 && usize::from(*scan) < count;
        if matches!(self.marker, 0xc3 | 0xc5..=0xc7 | 0xcb | 0xcd..=0xcf) {
            Some("lossless or hierarchical coding".to_owned())
        } else if self.precision != 8 {
            Some(format!("samples of {} bits", self.precision))
        } else if !matches!(count, 1 | 3 | 4) {
            Some(format!("{count} components"))
        } else if others
            .iter()
            .enumerate()
            .any(|(index, other)| self.components[..=index].iter().any(|c| c.id == other.id))
        {
            // libjpeg numbers them anew.
            Some("several components of one name".to_owned())
        } else if others.iter().any(|other| other.across > first.across || other.down > first.down) {
            Some("colours finer than its brightness".to_owned())
        } else if !self.is_progressive() && self.scans.iter().any(partial) {
            Some("some but not all components in one scan".to_owned())
        } else {
            None
        }
    }

    /// How many samples there are for how many pixels.
    fn samples(&self) -> (u32, u32) {
        let largest =
            |side: fn(&Component) -> u8| self.components.iter().map(side).max().map_or(1, u32::from);
        let samples = self.components.iter().map(|c| u32::from(c.across) * u32::from(c.down)).sum();
        (samples, largest(|c| c.across) * largest(|c| c.down))
    }

    /// What the decoder keeps at once: the samples and the pixels; before that, for a progressive picture, the samples
    /// and two bytes of coefficients for each.
    fn bytes_per_pixel(&self) -> f64 {
        let (samples, pixels) = self.samples();
        let samples = f64::from(samples) / f64::from(pixels);
        let output = match self.output() {
            PixelFormat::Grayscale => 1.0,
            PixelFormat::Cmyk => 4.0,
            _ => 3.0,
        };
        let coefficients = if self.is_progressive() { 2.05 * samples } else { 0.0 };
        samples + coefficients.max(output)
    }
}
