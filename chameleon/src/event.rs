//! The event: how large a table to render.

use function_core::FunctionError;
use function_core::event::{Integer, integers};

/// An event, its fields as the client wrote them.
///
/// Both fields are integers by Python's rules: booleans count as 0 and 1, and an integer may be of any length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// How many rows the table has; 1 if absent.
    pub num_of_rows: Integer<'a>,
    /// How many cells a row has; 2 if absent.
    pub num_of_cols: Integer<'a>,
}

impl<'a> Event<'a> {
    /// Reads the JSON text of an event; unknown fields are ignored.
    ///
    /// # Errors
    /// `InvalidEvent` if `event` is not a JSON object or one of the two fields is not an integer.
    pub fn parse(event: &'a str) -> Result<Self, FunctionError> {
        let [rows, cols] = integers(event, ["num_of_rows", "num_of_cols"])?;
        Ok(Self {
            num_of_rows: rows.unwrap_or(Integer::new(1, "1")),
            num_of_cols: cols.unwrap_or(Integer::new(2, "2")),
        })
    }

    /// The number of rows, as `range` counts them: negative ones are none, and what no memory holds saturates.
    pub fn rows(&self) -> usize {
        count(self.num_of_rows)
    }

    /// The number of cells in a row; see [`Self::rows`].
    pub fn columns(&self) -> usize {
        count(self.num_of_cols)
    }
}

fn count(integer: Integer<'_>) -> usize {
    usize::try_from(integer.value.max(0)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn size(event: &str) -> Result<(usize, usize), FunctionError> {
        Event::parse(event).map(|event| (event.rows(), event.columns()))
    }

    #[test]
    fn absent_fields_have_the_defaults() {
        assert_eq!(size("{}"), Ok((1, 2)));
        assert_eq!(size(r#"{"num_of_rows": 7}"#), Ok((7, 2)));
        assert_eq!(size(r#"{"num_of_cols": 7, "rows": null}"#), Ok((1, 7)));
    }

    #[test]
    fn booleans_are_integers() {
        assert_eq!(size(r#"{"num_of_rows": true, "num_of_cols": false}"#), Ok((1, 0)));
    }

    #[test]
    fn negative_numbers_count_as_none_and_huge_ones_saturate() {
        assert_eq!(size(r#"{"num_of_rows": -1, "num_of_cols": -0}"#), Ok((0, 0)));
        let huge = 1i64 << 40;
        assert_eq!(size(&format!(r#"{{"num_of_rows": {huge}}}"#)), Ok((1 << 40, 2)));
        let event = r#"{"num_of_rows": 1180591620717411303424, "num_of_cols": -1180591620717411303424}"#;
        assert_eq!(size(event), Ok((usize::MAX >> 1, 0)));
    }

    #[test]
    fn what_the_original_refuses_is_refused_by_name() {
        for field in ["num_of_rows", "num_of_cols"] {
            for value in ["2.0", "1e3", r#""3""#, "null", "[3]", r#"{"a": 3}"#] {
                let error = size(&format!(r#"{{"{field}": {value}}}"#)).unwrap_err();
                assert_eq!(error.error_type, "InvalidEvent");
                assert_eq!(error.message, format!("`{field}` is {value}; expected an integer"));
            }
        }
        for event in ["[]", "null", "3", r#""{}""#, "true"] {
            let error = size(event).unwrap_err();
            assert_eq!(error.error_type, "InvalidEvent");
            assert_eq!(error.message, format!("the event is {event}; expected a JSON object"));
        }
    }

    proptest! {
        #[test]
        fn integers_are_read_in_any_order_and_place(rows: u32, cols: u32, other in "[a-z]{0,8}") {
            let event = format!(
                r#" {{"num_of_cols":{cols} , "{other}" :[{{"num_of_rows":0}}],"num_of_rows": {rows}}} "#
            );
            prop_assert_eq!(size(&event), Ok((rows as usize, cols as usize)));
        }
    }
}
