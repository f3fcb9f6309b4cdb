//! The data of a chart as CSV.

/// Rows of cells as CSV.
pub(super) fn csv<const COLUMNS: usize>(
    header: [&str; COLUMNS],
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let rows = std::iter::once(header.map(str::to_owned)).chain(rows);
    rows.for_each(|row| writer.write_record(row).expect("rows are equally long, and memory takes them"));
    String::from_utf8(writer.into_inner().expect("memory takes it")).expect("text in, text out")
}

/// A number that may not be known.
pub(super) fn cell(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}
