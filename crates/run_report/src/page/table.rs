//! Tables of a page.

/// More rows are not shown, but counted.
const MAX_ROWS: usize = 60;
/// More characters of a cell are not shown.
const MAX_CELL: usize = 400;

/// A table, all of whose cells are text.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) caption: String,
    pub(crate) head: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    /// Columns from this one on hold numbers.
    pub(crate) numbers_from: usize,
    /// Rows that are not shown.
    pub(crate) further: usize,
}

impl Table {
    pub(crate) fn new<const COLUMNS: usize>(
        caption: &str,
        head: [&str; COLUMNS],
        numbers_from: usize,
        rows: impl IntoIterator<Item = [String; COLUMNS]>,
    ) -> Self {
        let mut rows = rows.into_iter();
        let shown: Vec<Vec<String>> =
            rows.by_ref().take(MAX_ROWS).map(|row| row.map(|cell| cut(&cell)).to_vec()).collect();
        Self {
            caption: caption.to_owned(),
            head: head.map(str::to_owned).to_vec(),
            rows: shown,
            numbers_from,
            further: rows.count(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The class of a column.
    pub(crate) fn class(&self, column: &usize) -> &'static str {
        if *column >= self.numbers_from { "number" } else { "text" }
    }
}

/// The text, or its start with how long it is.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_CELL) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_is_cut_and_what_is_much_is_counted() {
        let table = Table::new("", ["a"], 0, (0..100).map(|row| [row.to_string()]));
        assert_eq!((table.rows.len(), table.further), (MAX_ROWS, 100 - MAX_ROWS));
        let long = "é".repeat(500);
        assert_eq!(cut(&long), format!("{}… (1000 bytes)", "é".repeat(MAX_CELL)));
        assert_eq!(cut("short"), "short");
    }
}
