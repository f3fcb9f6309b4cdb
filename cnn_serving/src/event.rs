//! Which picture an event asks for.

use function_core::FunctionError;
use function_core::event::{fields, integer, refused, string};

use crate::object_store::{BUCKET_FORM, KEY_FORM, ObjectUri, UriError};
use crate::samples::COUNT;

const SEQ: &str = "input_file_seq";
const BUCKET: &str = "input_bucket";
const KEY: &str = "input_object_key";
/// What FunctionBench, the original's ancestor, calls the key.
const ANCESTORS_KEY: &str = "object_key";

/// A picture to classify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Picture {
    /// The sample image of this index.
    Sample(usize),
    /// An object in S3.
    Object(ObjectUri),
}

impl Picture {
    /// The picture that the JSON text `event` asks for: the object `input_object_key` in `input_bucket` if there is a
    /// bucket, whatever else there is. `object_key` is another name of the key. Without a bucket, or if it is null,
    /// the key is ignored, as by the original, and `input_file_seq` is the index of a sample image, 0 if absent;
    /// negative numbers count from the end, as in a Python list.
    ///
    /// # Errors
    /// `InvalidEvent` if the event is not a JSON object, or a field that counts is not what is expected, or there is a
    /// bucket without a key or with two different ones.
    pub fn from_event(event: &str) -> Result<Self, FunctionError> {
        let [seq, bucket, key, ancestors_key] = fields(event, [SEQ, BUCKET, KEY, ANCESTORS_KEY])?;
        match bucket.filter(|bucket| *bucket != "null") {
            Some(bucket) => object(bucket, key, ancestors_key).map(Self::Object),
            None => seq.map_or(Ok(0), sample_index).map(Self::Sample),
        }
    }
}

/// The event that vHive's callers mean by `name`: `replay` is the second sample image, and any other name, such as `record`,
/// the first.
pub fn event_of_name(name: &str) -> &'static str {
    match name {
        "replay" => r#"{"input_file_seq": 1}"#,
        _ => r#"{"input_file_seq": 0}"#,
    }
}

/// The object that is named by the JSON of the fields.
fn object(bucket: &str, key: Option<&str>, ancestors_key: Option<&str>) -> Result<ObjectUri, FunctionError> {
    let (name, json, key) = object_key(key, ancestors_key)?;
    ObjectUri::new(string(BUCKET, bucket)?, key).map_err(|error| match error {
        UriError::Bucket(_) => refused(BUCKET, bucket, BUCKET_FORM),
        UriError::Key(_) | UriError::Form(_) => refused(name, json, KEY_FORM),
    })
}

/// The key's field, that field's JSON, and the key.
fn object_key<'a>(
    key: Option<&'a str>,
    ancestors_key: Option<&'a str>,
) -> Result<(&'static str, &'a str, String), FunctionError> {
    let read = |name, json| string(name, json).map(|key| (name, json, key));
    match (key, ancestors_key) {
        (Some(key), None) => read(KEY, key),
        (None, Some(key)) => read(ANCESTORS_KEY, key),
        (Some(key), Some(other)) if string(KEY, key)? == string(ANCESTORS_KEY, other)? => read(KEY, key),
        (Some(_), Some(other)) => Err(refused(ANCESTORS_KEY, other, &format!("the same as `{KEY}`"))),
        // A client that names a bucket does not want a sample image to be classified instead.
        (None, None) => Err(FunctionError::invalid_event(format!(
            "`{KEY}` is missing; with `{BUCKET}`, it or `{ANCESTORS_KEY}` has to name an object"
        ))),
    }
}

fn sample_index(seq: &str) -> Result<usize, FunctionError> {
    let seq = integer(SEQ, seq)?;
    list_index(seq.value).ok_or_else(|| {
        FunctionError::invalid_event(format!("`{SEQ}` is {seq}; expected -{COUNT} to {}", COUNT - 1))
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
    use function_core::error::INVALID_EVENT;
    use proptest::prelude::*;

    use super::*;

    fn index_of(seq: &str) -> Result<usize, FunctionError> {
        match Picture::from_event(&format!(r#"{{"input_file_seq": {seq}}}"#))? {
            Picture::Sample(index) => Ok(index),
            Picture::Object(object) => panic!("{object}"),
        }
    }

    #[test]
    fn names_have_the_images_of_vhive() {
        for (name, index) in [("record", 0), ("replay", 1), ("world", 0), ("", 0)] {
            assert_eq!(Picture::from_event(event_of_name(name)), Ok(Picture::Sample(index)), "{name}");
        }
    }

    #[test]
    fn the_first_image_is_the_default() {
        assert_eq!(Picture::from_event("{}"), Ok(Picture::Sample(0)));
    }

    #[test]
    fn a_bucket_and_a_key_name_an_object() {
        let object = Picture::Object("s3://pictures/a/ä.jpg".parse().unwrap());
        for event in [
            r#"{"input_bucket": "pictures", "input_object_key": "a/ä.jpg"}"#,
            r#"{"input_object_key": "a/\u00e4.jpg", "input_bucket": 1, "input_bucket": "pictures"}"#,
            r#"{"input_bucket": "pictures", "input_object_key": "a/ä.jpg", "input_file_seq": 9}"#,
            r#"{"input_bucket": "pictures", "object_key": "a/ä.jpg", "input_object_key": "a/\u00e4.jpg"}"#,
            r#"{"input_bucket": "pictures", "object_key": "a/ä.jpg",
                "model_object_key": "squeezenet_weights.h5", "model_bucket": "models"}"#,
        ] {
            assert_eq!(Picture::from_event(event), Ok(object.clone()), "{event}");
        }
    }

    #[test]
    fn without_a_bucket_the_key_is_ignored() {
        for key in [r#""image.jpg""#, r#""""#, "null", "7"] {
            for bucket in ["", r#""input_bucket": null, "#] {
                for name in ["input_object_key", "object_key"] {
                    let event = format!(r#"{{{bucket}"{name}": {key}, "input_file_seq": 2}}"#);
                    assert_eq!(Picture::from_event(&event), Ok(Picture::Sample(2)), "{event}");
                }
            }
        }
    }

    #[test]
    fn a_bucket_or_key_without_sense_is_refused() {
        for (fields, message) in [
            (r#""input_bucket": 3, "input_object_key": "k""#, "`input_bucket` is 3; expected a string"),
            (
                r#""input_bucket": "", "input_object_key": "k""#,
                "`input_bucket` is \"\"; expected an S3 bucket's name, 3 to 255 of A-Z, a-z, 0-9, `.`, `-` and `_`",
            ),
            (
                r#""input_bucket": "bucket""#,
                "`input_object_key` is missing; with `input_bucket`, it or `object_key` has to name an object",
            ),
            (r#""input_bucket": "bucket", "object_key": 7"#, "`object_key` is 7; expected a string"),
            (
                r#""input_bucket": "bucket", "object_key": """#,
                "`object_key` is \"\"; expected an S3 object's key, 1 to 1024 bytes without control characters",
            ),
            (
                r#""input_bucket": "bucket", "input_object_key": "a", "object_key": "b""#,
                "`object_key` is \"b\"; expected the same as `input_object_key`",
            ),
            (
                r#""input_bucket": "bucket", "input_object_key": "a", "object_key": null"#,
                "`object_key` is null; expected a string",
            ),
            (
                r#""input_bucket": "bucket", "input_object_key": null"#,
                "`input_object_key` is null; expected a string",
            ),
            (
                r#""input_bucket": "bucket", "input_object_key": """#,
                "`input_object_key` is \"\"; expected an S3 object's key, 1 to 1024 bytes without control characters",
            ),
        ] {
            let error = Picture::from_event(&format!("{{{fields}}}")).unwrap_err();
            assert_eq!((error.error_type, error.message.as_str()), (INVALID_EVENT, message), "{fields}");
        }
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
            assert_eq!(Picture::from_event(event).unwrap_err().error_type, INVALID_EVENT);
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
