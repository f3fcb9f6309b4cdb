//! From samples of any size to a picture of the network's size.

use super::decode::{Layout, Raster};
use super::thumbnail::{SIDE, Thumbnail};

/// Resizes with the nearest neighbour and converts to RGB, as Pillow does. Both at once, since only the pixels
/// that are shown need converting.
pub(super) fn resize(image: &Raster) -> Thumbnail {
    let bytes = image.layout.bytes();
    let columns = nearest(image.width);
    let rows = nearest(image.height).into_iter().map(|y| &image.samples[y * image.width * bytes..]);
    let pixels = rows.flat_map(|row| columns.iter().map(move |x| &row[x * bytes..]));
    Thumbnail(pixels.map(|pixel| image.layout.to_rgb(pixel)).collect())
}

impl Layout {
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

/// Which of `length` source pixels each of the `SIDE` output pixels shows.
///
/// Pillow adds up the position in double precision; no closed formula agrees with it for every length.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positions are in 0..length")]
fn nearest(length: usize) -> [usize; SIDE] {
    let scale = length as f64 / SIDE as f64;
    let mut position = scale * 0.5;
    std::array::from_fn(|_| {
        let index = position as usize;
        position += scale;
        index
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with Pillow by `make_nearest.py`.
    const TABLE: &str = include_str!("../../tests/data/nearest.tsv");

    #[test]
    fn the_same_pixels_are_shown_as_by_pillow() {
        assert_eq!(TABLE.lines().count(), 1800);
        for line in TABLE.lines() {
            let (length, expected) = line.split_once('\t').unwrap();
            let length = length.parse().unwrap();
            let checksum: usize = nearest(length).iter().enumerate().map(|(k, index)| (k + 1) * index).sum();
            assert_eq!(checksum.to_string(), expected, "length {length}");
        }
    }

    #[test]
    fn every_length_stays_inside() {
        for length in (1..2000).chain([65_535, 49_999_999, 50_000_000]) {
            let shown = nearest(length);
            assert!(shown.is_sorted() && shown[SIDE - 1] < length, "length {length}");
        }
    }

    #[test]
    fn rows_and_columns_are_not_mixed_up() {
        let samples = (0..6).flat_map(|i| [i, 10 * i, 100]).collect();
        let image = Raster { width: 3, height: 2, layout: Layout::Rgb, samples };
        let Thumbnail(pixels) = resize(&image);
        let corners = [0, SIDE - 1, SIDE * (SIDE - 1), SIDE * SIDE - 1].map(|index| pixels[index]);
        assert_eq!(corners, [[0, 0, 100], [2, 20, 100], [3, 30, 100], [5, 50, 100]]);
    }
}
