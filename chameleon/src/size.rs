//! Sizes in bytes, known before anything is built.
//!
//! All arithmetic is checked and in closed form: a table of any size costs neither memory nor time here.

/// The largest answer that Lambda delivers, in bytes.
pub const MAX_ANSWER: usize = 6_291_556;

/// What an answer has around its table and its latency: `"{\"latency\": , \"data\": \"\"}"`.
const ENVELOPE: usize = 33;

/// The longest text that a latency can have: 17 digits, a point, and an exponent such as `e-308`. Sizes count
/// it, whatever the clock will say, so that the same event is always answered or always refused.
pub const MAX_LATENCY_TEXT: usize = 23;

/// The size that the answer with such a table can have, or `None` if it is above `usize::MAX`.
pub fn answer_size(rows: usize, columns: usize) -> Option<usize> {
    ESCAPED.table_size(rows, columns)?.checked_add(ENVELOPE + MAX_LATENCY_TEXT)
}

/// How many rows with `columns` cells Lambda delivers.
pub fn max_rows(columns: usize) -> usize {
    ESCAPED.rows_within(MAX_ANSWER - ENVELOPE - MAX_LATENCY_TEXT, columns)
}

/// The lengths in bytes of what a table is made of, in one of its spellings. Separators count as part of
/// what they follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spelling {
    /// A table without rows.
    empty_table: usize,
    /// The table around its rows.
    table: usize,
    /// A row without cells.
    empty_row: usize,
    /// A row around its cells.
    row: usize,
    /// A cell around its number, which stands in it twice.
    cell: usize,
}

/// The table as HTML.
pub const HTML: Spelling = Spelling { empty_table: 54, table: 53, empty_row: 12, row: 11, cell: 41 };

/// The HTML inside the answer, JSON within JSON: a line feed takes 3 bytes (`\\n`), a quote 4 (`\\\"`).
pub const ESCAPED: Spelling = Spelling { empty_table: 64, table: 61, empty_row: 18, row: 15, cell: 53 };

impl Spelling {
    /// The size of a table, or `None` if it is above `usize::MAX`.
    pub fn table_size(&self, rows: usize, columns: usize) -> Option<usize> {
        match rows {
            0 => Some(self.empty_table),
            _ => self.row_size(columns)?.checked_mul(rows)?.checked_add(self.table),
        }
    }

    /// The size of one row and what separates it from the next, or `None` if it is above `usize::MAX`.
    pub fn row_size(&self, columns: usize) -> Option<usize> {
        match columns {
            0 => Some(self.empty_row),
            _ => {
                let cells = self.cell.checked_mul(columns)?;
                let numbers = digits_up_to(columns)?.checked_mul(2)?;
                cells.checked_add(numbers)?.checked_add(self.row)
            }
        }
    }

    /// How many rows fit into `size` bytes.
    pub fn rows_within(&self, size: usize, columns: usize) -> usize {
        match (size.checked_sub(self.table), self.row_size(columns)) {
            (Some(size), Some(row)) => size / row,
            _ => 0,
        }
    }
}

/// How many decimal digits the numbers 1 to `last` have together: every number has a last digit, every number
/// from 10 one more, every number from 100 another.
fn digits_up_to(last: usize) -> Option<usize> {
    std::iter::successors(Some(1_usize), |power| power.checked_mul(10))
        .take_while(|power| *power <= last)
        .try_fold(0_usize, |digits, power| digits.checked_add(last - power + 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tables_of_the_original_have_these_sizes() {
        for (rows, columns, size) in [
            (1, 2, 150),
            (0, 0, 54),
            (1, 3, 193),
            (10, 15, 6733),
            (15, 10, 6698),
            (3, 0, 89),
            (0, 5, 54),
            (100, 20, 89_353),
            (0, usize::MAX, 54),
        ] {
            assert_eq!(HTML.table_size(rows, columns), Some(size), "({rows}, {columns})");
        }
    }

    #[test]
    fn sizes_beyond_the_address_space_are_none() {
        for (rows, columns) in
            [(usize::MAX, 0), (1, usize::MAX), (usize::MAX, usize::MAX), (1 << 32, 1 << 32)]
        {
            assert_eq!(HTML.table_size(rows, columns), None, "({rows}, {columns})");
            assert_eq!(ESCAPED.table_size(rows, columns), None, "({rows}, {columns})");
        }
    }

    proptest! {
        #[test]
        fn digits_are_counted(last in 0..2000_usize) {
            let counted = (1..=last).map(|number| number.to_string().len()).sum();
            prop_assert_eq!(digits_up_to(last), Some(counted));
        }

        #[test]
        fn as_many_rows_fit_as_do_not_exceed_the_size(size in 0..10_000_000_usize, columns in 0..3000_usize) {
            for spelling in [HTML, ESCAPED] {
                let rows = spelling.rows_within(size, columns);
                prop_assert!(rows == 0 || spelling.table_size(rows, columns) <= Some(size));
                prop_assert!(spelling.table_size(rows + 1, columns) > Some(size));
            }
        }
    }
}
