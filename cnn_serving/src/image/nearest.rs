//! From pixels of any number to a picture of the network's size: which of them are shown.

use super::thumbnail::{SIDE, Thumbnail};

/// Collects the pixels that resizing with the nearest neighbour shows, as Pillow does it. The rows may come in any order;
/// those that are never shown need not be kept, nor even decoded.
#[derive(Debug)]
pub(super) struct Nearest {
    columns: [usize; SIDE],
    rows: [usize; SIDE],
    pixels: Vec<[u8; 3]>,
}

impl Nearest {
    /// For a picture of this size, at least 1 x 1.
    pub(super) fn new((width, height): (usize, usize)) -> Self {
        Self { columns: nearest(width), rows: nearest(height), pixels: vec![[0; 3]; SIDE * SIDE] }
    }

    /// Takes what is shown of row `y` from `pixel`, which is asked for columns.
    pub(super) fn row(&mut self, y: usize, pixel: impl Fn(usize) -> [u8; 3]) {
        self.interlaced_row(y, (0, 1), pixel);
    }

    /// Like [`Self::row`], from every `step`-th pixel of the row only, beginning with column `first`. `pixel` is asked for
    /// the index among these.
    pub(super) fn interlaced_row(
        &mut self,
        y: usize,
        (first, step): (usize, usize),
        pixel: impl Fn(usize) -> [u8; 3],
    ) {
        let shown = self.rows.iter().zip(self.pixels.chunks_exact_mut(SIDE));
        let begin = self.rows.partition_point(|row| *row < y);
        for (_, row) in shown.skip(begin).take_while(|(row, _)| **row == y) {
            for (column, shown) in self.columns.iter().zip(row) {
                if *column >= first && (column - first).is_multiple_of(step) {
                    *shown = pixel((column - first) / step);
                }
            }
        }
    }

    /// The picture, once all rows were given.
    pub(super) fn finish(self) -> Thumbnail {
        Thumbnail(self.pixels)
    }
}

/// Resizes a picture of which `pixel` gives the colour at any column and row.
pub(super) fn resize((width, height): (usize, usize), pixel: impl Fn(usize, usize) -> [u8; 3]) -> Thumbnail {
    let columns = nearest(width);
    let pixel = &pixel;
    Thumbnail(nearest(height).into_iter().flat_map(|y| columns.map(|x| pixel(x, y))).collect())
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

    /// A pixel that tells where it is.
    fn place(x: usize, y: usize) -> [u8; 3] {
        [u8::try_from(x % 251).unwrap(), u8::try_from(y % 241).unwrap(), 100]
    }

    #[test]
    fn rows_and_columns_are_not_mixed_up() {
        let Thumbnail(pixels) = resize((3, 2), place);
        let corners = [0, SIDE - 1, SIDE * (SIDE - 1), SIDE * SIDE - 1].map(|index| pixels[index]);
        assert_eq!(corners, [[0, 0, 100], [2, 0, 100], [0, 1, 100], [2, 1, 100]]);
    }

    #[test]
    fn rows_one_by_one_give_the_same_picture() {
        for size in [(1, 1), (3, 2), (227, 227), (640, 427), (100, 1000)] {
            let mut backwards = Nearest::new(size);
            (0..size.1).rev().for_each(|y| backwards.row(y, |x| place(x, y)));
            let mut halves = Nearest::new(size);
            for (y, first) in (0..size.1).flat_map(|y| [(y, 1), (y, 0)]) {
                halves.interlaced_row(y, (first, 2), |index| place(first + 2 * index, y));
            }
            assert_eq!(backwards.finish(), resize(size, place), "{size:?}");
            assert_eq!(halves.finish(), resize(size, place), "{size:?}");
        }
    }
}
