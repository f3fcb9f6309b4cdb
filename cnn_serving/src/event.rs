//! Which sample image an event asks for.

use function_common::{FunctionError, event};

use crate::samples::COUNT;

/// The index of the sample image that `event` asks for, 0 if it does not say.
///
/// Negative numbers count from the end, as in a Python list.
///
/// # Errors
/// `InvalidEvent` if the event is not a JSON object, or `input_file_seq` is not an integer or out of range.
pub fn sample_index(event: &str) -> Result<usize, FunctionError> {
    let [seq] = event::integers(event, ["input_file_seq"])?;
    let Some(seq) = seq else { return Ok(0) };
    list_index(seq.value).ok_or_else(|| {
        FunctionError::invalid_event(format!("`input_file_seq` is {seq}; expected -{COUNT} to {}", COUNT - 1))
    })
}

/// Python's list index for a list of `COUNT` items.
fn list_index(index: i64) -> Option<usize> {
    let count = COUNT as i64;
    let from_start = if index < 0 { index + count } else { index };
    usize::try_from(from_start).ok().filter(|index| *index < COUNT)
}

#[cfg(test)]
mod tests {
    use function_common::error::INVALID_EVENT;
    use proptest::prelude::*;

    use super::*;

    fn index_of(seq: &str) -> Result<usize, FunctionError> {
        sample_index(&format!(r#"{{"input_file_seq": {seq}}}"#))
    }

    #[test]
    fn the_first_image_is_the_default() {
        assert_eq!(sample_index("{}"), Ok(0));
        assert_eq!(sample_index(r#"{"input_bucket": "b", "input_object_key": "image.jpg"}"#), Ok(0));
    }

    #[test]
    fn indices_count_from_either_end() {
        for (seq, index) in [("0", 0), ("3", 3), ("-1", 3), ("-4", 0), ("-0", 0), ("true", 1), ("false", 0)] {
            assert_eq!(index_of(seq), Ok(index), "{seq}");
        }
    }

    #[test]
    fn indices_out_of_range_are_refused() {
        for seq in ["4", "-5", "9223372036854775807", "-9223372036854775808", "1180591620717411303424"] {
            let error = index_of(seq).unwrap_err();
            assert_eq!(error.error_type, INVALID_EVENT);
            assert_eq!(error.message, format!("`input_file_seq` is {seq}; expected -4 to 3"));
        }
    }

    #[test]
    fn other_values_are_refused() {
        for seq in ["1.0", r#""0""#, "null", "[]", "{}", "1e0"] {
            let error = index_of(seq).unwrap_err();
            assert_eq!(error.error_type, INVALID_EVENT);
            assert_eq!(error.message, format!("`input_file_seq` is {seq}; expected an integer"));
        }
        for event in ["[]", "null", "0", r#""{}""#] {
            assert_eq!(sample_index(event).unwrap_err().error_type, INVALID_EVENT);
        }
    }

    proptest! {
        #[test]
        fn every_integer_is_an_index_or_refused(seq: i64) {
            match index_of(&seq.to_string()) {
                Ok(index) => prop_assert!(index as i64 == seq || index as i64 == seq + 4),
                Err(_) => prop_assert!(!(-4..4).contains(&seq)),
            }
        }
    }
}
