//! Reading an event by the rules of the original Python handlers.
//!
//! Python's `json` keeps the last of several equal keys, reads integers of any length, and counts
//! `true` and `false` as the integers 1 and 0. Numbers with a fraction or an exponent are floats, which
//! neither `range` nor a list index accepts. Strings may hold half of a surrogate pair (`"\ud800"`), which is
//! no Unicode text.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::FunctionError;

/// How much of a refused value an error message repeats, in characters.
const SHOWN_CHARS: usize = 40;

/// An integer field of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Integer<'a> {
    /// The value; integers that do not fit saturate, since no use of them accepts values that large.
    pub value: i64,
    /// The value as the event spells it, for error messages.
    text: &'a str,
}

impl<'a> Integer<'a> {
    /// The integer that an absent field stands for; `text` is `value` as an event would spell it.
    pub const fn new(value: i64, text: &'a str) -> Self {
        Self { value, text }
    }
}

impl fmt::Display for Integer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shorten(self.text))
    }
}

/// Reads the integer fields `names` of `event`; a field that is absent is `None`. Other fields are ignored.
///
/// # Errors
/// `InvalidEvent` if `event` is not a JSON object or one of the fields is not an integer.
pub fn integers<'a, const N: usize>(
    event: &'a str,
    names: [&'static str; N],
) -> Result<[Option<Integer<'a>>; N], FunctionError> {
    let raw = fields(event, names)?;
    let mut integers = [None; N];
    for ((integer, raw), name) in integers.iter_mut().zip(raw).zip(names) {
        *integer = raw.map(|raw| self::integer(name, raw)).transpose()?;
    }
    Ok(integers)
}

/// Finds the fields `names` in `event`, each as the JSON text of its value; the last of several wins.
///
/// # Errors
/// `InvalidEvent` if `event` is not a JSON object.
pub fn fields<'a, const N: usize>(
    event: &'a str,
    names: [&'static str; N],
) -> Result<[Option<&'a str>; N], FunctionError> {
    let mut deserializer = serde_json::Deserializer::from_str(event);
    deserializer
        .deserialize_map(FieldsVisitor { names })
        .and_then(|fields| deserializer.end().map(|()| fields))
        .map_err(|_| {
            let shown = shorten(event.trim());
            FunctionError::invalid_event(format!("the event is {shown}; expected a JSON object"))
        })
}

/// Reads `text`, the JSON of the field `name`, as an integer.
///
/// # Errors
/// `InvalidEvent` if it is something else.
pub fn integer<'a>(name: &str, text: &'a str) -> Result<Integer<'a>, FunctionError> {
    let value = match text {
        "true" => Some(1),
        "false" => Some(0),
        _ if is_integer_literal(text) => Some(saturating_parse(text)),
        _ => None,
    };
    value.map(|value| Integer { value, text }).ok_or_else(|| refused(name, text, "an integer"))
}

/// Reads `text`, the JSON of the field `name`, as a string.
///
/// # Errors
/// `InvalidEvent` if it is something else, or a string that is no Unicode text.
pub fn string(name: &str, text: &str) -> Result<String, FunctionError> {
    let expected = if text.starts_with('"') { "a string without half a surrogate pair" } else { "a string" };
    serde_json::from_str(text).map_err(|_| refused(name, text, expected))
}

/// The error for the field `name`, whose JSON is `text`, where `expected` was.
pub fn refused(name: &str, text: &str, expected: &str) -> FunctionError {
    let shown = shorten(text);
    FunctionError::invalid_event(format!("`{name}` is {shown}; expected {expected}"))
}

/// Whether `text`, which is valid JSON, is a number without fraction and exponent.
fn is_integer_literal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

fn saturating_parse(integer: &str) -> i64 {
    let limit = if integer.starts_with('-') { i64::MIN } else { i64::MAX };
    integer.parse().unwrap_or(limit)
}

fn shorten(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

struct FieldsVisitor<const N: usize> {
    names: [&'static str; N],
}

impl<'de, const N: usize> Visitor<'de> for FieldsVisitor<N> {
    type Value = [Option<&'de str>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = [None; N];
        // A key stays JSON until it is compared, since not every key is Unicode text.
        while let Some(key) = map.next_key::<&RawValue>()? {
            match self.names.iter().position(|name| spells(key.get(), name)) {
                Some(index) => values[index] = Some(map.next_value::<&RawValue>()?.get()),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(values)
    }
}

/// Whether `key`, the JSON of a string, is the text `name`.
fn spells(key: &str, name: &str) -> bool {
    let content = &key[1..key.len() - 1];
    content == name
        || (content.contains('\\') && serde_json::from_str::<String>(key).is_ok_and(|key| key == name))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(event: &str) -> Result<Option<i64>, FunctionError> {
        integers(event, ["n"]).map(|[n]| n.map(|n| n.value))
    }

    #[test]
    fn absent_fields_are_none_and_others_are_ignored() {
        assert_eq!(one("{}"), Ok(None));
        assert_eq!(one(r#"{"m": [1, {"n": 2}]}"#), Ok(None));
    }

    #[test]
    fn booleans_count_as_integers() {
        assert_eq!(one(r#"{"n": true}"#), Ok(Some(1)));
        assert_eq!(one(r#"{"n": false}"#), Ok(Some(0)));
    }

    #[test]
    fn the_last_of_equal_keys_wins_and_keys_may_be_escaped() {
        assert_eq!(one(r#"{"n": 1, "\u006e": 2}"#), Ok(Some(2)));
    }

    /// Each event was given to Python's `json`, which reads all of them.
    #[test]
    fn half_a_surrogate_pair_stands_in_no_ones_way() {
        for event in [
            r#"{"\ud800": 1, "n": 2}"#,
            r#"{"n": 2, "\udfff\ud800": {"\udc00": "\ud800"}}"#,
            r#"{"n\ud800": 1, "n": 2, "m": ["\ud800x"]}"#,
            r#"{"n": "\ud800", "\u006e": 2}"#,
            r#"{"\ud83d\ude00": 1, "n": 2}"#,
        ] {
            assert_eq!(one(event), Ok(Some(2)), "{event}");
        }
        assert_eq!(one(r#"{"\ud800": 1}"#), Ok(None));
        for event in [r#"{"\ud80": 1}"#, r#"{"\x": 1}"#, "{\"\u{1}\": 1}", "{n: 1}", "{1: 1}"] {
            assert!(one(event).is_err(), "{event}");
        }
    }

    #[test]
    fn integers_of_any_length_saturate() {
        assert_eq!(one(r#"{"n": 1180591620717411303424}"#), Ok(Some(i64::MAX)));
        assert_eq!(one(r#"{"n": -1180591620717411303424}"#), Ok(Some(i64::MIN)));
        assert_eq!(one(r#"{"n": -0}"#), Ok(Some(0)));
    }

    #[test]
    fn other_values_are_refused_by_name_and_value() {
        for value in ["2.0", "1e3", "null", r#""3""#, "[1]", "{}"] {
            let error = one(&format!(r#"{{"n": {value}}}"#)).unwrap_err();
            assert_eq!(error.error_type, "InvalidEvent");
            assert_eq!(error.message, format!("`n` is {value}; expected an integer"));
        }
    }

    #[test]
    fn an_event_that_is_not_an_object_is_refused() {
        for event in ["[]", "3", r#""{}""#, "null", "", "{", "{} {}"] {
            let error = one(event).unwrap_err();
            assert_eq!(error.message, format!("the event is {event}; expected a JSON object"));
        }
    }

    #[test]
    fn strings_are_unescaped_and_other_values_refused() {
        assert_eq!(string("s", r#""a\u00e4\"\n""#), Ok("aä\"\n".to_owned()));
        for value in ["1", "true", "null", "[]", r#"["a"]"#, "{}"] {
            let error = string("s", value).unwrap_err();
            assert_eq!(error.error_type, "InvalidEvent");
            assert_eq!(error.message, format!("`s` is {value}; expected a string"));
        }
        let error = string("s", r#""\ud800""#).unwrap_err();
        assert_eq!(error.message, r#"`s` is "\ud800"; expected a string without half a surrogate pair"#);
    }

    #[test]
    fn long_values_are_shortened_in_messages() {
        let error = one(&format!(r#"{{"n": "{}"}}"#, "ä".repeat(1000))).unwrap_err();
        assert!(error.message.len() < 150, "{}", error.message);
    }

    proptest! {
        #[test]
        fn every_i64_is_read_back(value: i64) {
            prop_assert_eq!(one(&format!(r#"{{"n":{value}}}"#)), Ok(Some(value)));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,60}") {
            let _ = one(&text);
        }
    }
}
