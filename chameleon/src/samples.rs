//! The events that vHive's callers mean by a name.

/// The event that `name` stands for: `replay` is a table of 15 rows and 10 columns, and any other name, such as `record`,
/// one of 10 rows and 15 columns.
pub fn event_of_name(name: &str) -> &'static str {
    match name {
        "replay" => r#"{"num_of_rows": 15, "num_of_cols": 10}"#,
        _ => r#"{"num_of_rows": 10, "num_of_cols": 15}"#,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;

    #[test]
    fn names_have_the_tables_of_vhive() {
        for (name, rows, columns) in [("record", 10, 15), ("replay", 15, 10), ("world", 10, 15), ("", 10, 15)]
        {
            let event = Event::parse(event_of_name(name)).unwrap();
            assert_eq!((event.rows(), event.columns()), (rows, columns), "{name}");
        }
    }
}
