//! The HTML table.
//!
//! Every row of the table is the same, as in the original, whose rows are one shared object. So one row is
//! rendered from `row.html`, and `table.html` repeats it.

use askama::Template;

use crate::size::{HTML, MAX_ANSWER, answer_size};

/// The size of a table that an answer can hold. Every row holds the same cells, with the numbers 1 to `columns`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    rows: usize,
    columns: usize,
}

impl Table {
    /// A table of `rows` times `columns` cells, or `None` if Lambda would not deliver the answer with it.
    pub fn new(rows: usize, columns: usize) -> Option<Self> {
        let fits = answer_size(rows, columns).is_some_and(|size| size <= MAX_ANSWER);
        fits.then_some(Self { rows, columns })
    }

    /// Renders the table.
    pub fn render(self) -> Html {
        let row = match self.rows {
            0 => String::new(),
            _ => render(&RowTemplate { columns: self.columns }, HTML.row_size(self.columns)),
        };
        let table = TableTemplate { rows: self.rows, row: &row };
        let text = render(&table, HTML.table_size(self.rows, self.columns));
        Html { text, rows: self.rows, row_len: row.len() }
    }
}

/// A rendered table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Html {
    text: String,
    rows: usize,
    row_len: usize,
}

impl Html {
    /// The whole table, byte for byte as the original renders it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How many times the middle one of [`Self::parts`] stands in the table.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// What comes before the first row, a row with the line feed after it, and what comes after the last row.
    pub fn parts(&self) -> (&str, &str, &str) {
        let (head, rows) = self.text.split_at(self.text.find("<tr>").unwrap_or(self.text.len()));
        let row_len = if self.rows == 0 { 0 } else { self.row_len + "\n".len() };
        (head, &rows[..row_len], &rows[row_len * self.rows..])
    }
}

#[derive(Template)]
#[template(path = "table.html")]
struct TableTemplate<'a> {
    rows: usize,
    row: &'a str,
}

#[derive(Template)]
#[template(path = "row.html")]
struct RowTemplate {
    columns: usize,
}

/// Renders into a buffer of exactly `size` bytes.
fn render(template: &impl Template, size: Option<usize>) -> String {
    let mut text = String::with_capacity(size.unwrap_or(0));
    template.render_into(&mut text).expect("writing to a string does not fail");
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tables_that_no_answer_can_hold_do_not_exist() {
        assert!(Table::new(1_103, 100).is_some());
        assert!(Table::new(1_104, 100).is_none());
        assert!(Table::new(usize::MAX, usize::MAX).is_none());
    }

    #[test]
    fn no_rows_of_any_width_cost_nothing() {
        let html = Table::new(0, usize::MAX).unwrap().render();
        assert_eq!(html.parts(), (html.as_str(), "", ""));
    }

    proptest! {
        #[test]
        fn the_size_is_known_before((rows, columns) in (0..40_usize, 0..1200_usize)) {
            let html = Table::new(rows, columns).unwrap().render();
            prop_assert_eq!(HTML.table_size(rows, columns), Some(html.as_str().len()));
        }

        #[test]
        fn the_parts_make_the_whole((rows, columns) in (0..40_usize, 0..200_usize)) {
            let html = Table::new(rows, columns).unwrap().render();
            let (head, row, tail) = html.parts();
            prop_assert_eq!([head, &row.repeat(html.rows()), tail].concat(), html.as_str());
            prop_assert_eq!(row.matches("<tr>").count(), rows.min(1));
        }
    }
}
