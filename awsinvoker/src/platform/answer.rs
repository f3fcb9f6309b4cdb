//! What functions answer on any platform: the latency that they report, and everything else as a digest.

use run_record::canonical_json::canonical_without;
use serde::de::{DeserializeOwned, Error as _, IgnoredAny, Unexpected};
use serde::{Deserialize, Deserializer};

use crate::text::sha256;

/// What each call of a function answers anew.
const LATENCY: &str = "latency";

/// A longer latency is taken for a mistake; no function may run for longer than a quarter of it.
const MAX_LATENCY_S: f64 = 3600.0;

/// All that is read of an answer; the rest is checked to be JSON and skipped without being stored.
#[derive(Default, Deserialize)]
struct Answer {
    #[serde(default, deserialize_with = "number")]
    latency: Option<f64>,
}

/// Why an answer is of no use.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// Not JSON, or with a `latency` that is no number.
    #[error("expected JSON, and a number as its `latency`: {0}")]
    Json(#[from] serde_json::Error),
    /// A latency that cannot be.
    #[error("`latency` is {0}, expected seconds from 0 to {MAX_LATENCY_S}")]
    Latency(f64),
}

/// The latency in seconds that an answer reports, if it reports one. It does in an object, or in a JSON string that holds
/// one.
///
/// # Errors
/// The answer is not JSON, or its `latency` is not a number of seconds from 0 to 3600.
pub fn latency_s(payload: &[u8]) -> Result<Option<f64>, AnswerError> {
    let answer: Answer = match payload.trim_ascii_start().first() {
        Some(b'{') => serde_json::from_slice(payload)?,
        Some(b'"') => within(&serde_json::from_slice::<String>(payload)?)?,
        _ => {
            let _: IgnoredAny = serde_json::from_slice(payload)?;
            Answer::default()
        }
    };
    match answer.latency {
        Some(latency) if !(0.0..=MAX_LATENCY_S).contains(&latency) => Err(AnswerError::Latency(latency)),
        latency => Ok(latency),
    }
}

/// What a string says. It may be any text.
fn within(text: &str) -> serde_json::Result<Answer> {
    if !text.trim_ascii_start().starts_with('{') {
        return Ok(Answer::default());
    }
    match serde_json::from_str(text) {
        Err(error) if !error.is_data() => Ok(Answer::default()),
        read => read,
    }
}

/// A key that is there has a number.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    f64::deserialize(deserializer).map(Some)
}

/// SHA-256 of what a JSON document says, without the latency that it reports: of its canonical form, or as [`text_digest`] if
/// it is a string. Absent if it is no JSON.
pub(super) fn digest(payload: &[u8]) -> Option<String> {
    let json = std::str::from_utf8(payload).ok()?;
    match serde_json::from_str::<String>(json) {
        Ok(text) => text_digest(&text),
        Err(_) => Some(sha256(canonical_without(json, LATENCY).ok()?.as_bytes())),
    }
}

/// The same of a text, which may hold a JSON object, an array, or the string of one: the answer of a function with quotation
/// marks around it. Any other text stands for the JSON string of it.
pub(super) fn text_digest(text: &str) -> Option<String> {
    let document = match text.trim_ascii_start().as_bytes().first() {
        // Each level makes the text shorter by its escapes, so there are few.
        Some(b'"') => match serde_json::from_str::<String>(text) {
            Ok(inner) => return text_digest(&inner),
            Err(_) => None,
        },
        Some(b'{' | b'[') => canonical_without(text, LATENCY).ok(),
        _ => None,
    };
    Some(sha256(document.or_else(|| serde_json::to_string(text).ok())?.as_bytes()))
}

/// Reads a JSON object. Serde would also take an array of a struct's fields.
pub(super) fn object<T: DeserializeOwned>(json: &[u8]) -> serde_json::Result<T> {
    if json.trim_ascii_start().starts_with(b"[") {
        return Err(serde_json::Error::invalid_type(Unexpected::Seq, &"an object"));
    }
    serde_json::from_slice(json)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_both_forms_wherever_the_key_stands() {
        let forms = [
            r#"{"latency": 0.25, "data": "<table>"}"#,
            r#"{"result": [[["n02124075", "Egyptian_cat", "0.48"]]], "latency": 0.25}"#,
            r#""{\"latency\": 0.25, \"data\": \"<td>\\n\"}""#,
            " \"{\\\"latency\\\":2.5e-1}\" ",
        ];
        for form in forms {
            assert_eq!(latency_s(form.as_bytes()).unwrap().unwrap().to_bits(), 0.25_f64.to_bits(), "{form}");
        }
        assert_eq!(latency_s(br#"{"latency": 0}"#).unwrap().unwrap().to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn json_without_the_key_reports_nothing() {
        let silent = [
            "null",
            "3",
            "[]",
            "[1.0]",
            " [1.0]",
            "\"[1.0]\"",
            "\" [1.0]\"",
            "{}",
            r#"{"statusCode": 200, "body": "{\"latency\": 1}"}"#,
            "\"\"",
            "\"text\"",
            r#""{\"latency\": 1""#,
            r#""\"{\\\"latency\\\": 1}\"""#,
        ];
        for answer in silent {
            assert!(matches!(latency_s(answer.as_bytes()), Ok(None)), "{answer}");
        }
    }

    #[test]
    fn refuses_the_rest() {
        let refused = [
            "",
            " ",
            "text",
            r#"{"latency": null}"#,
            r#"{"latency": "1"}"#,
            r#""{\"latency\": \"1\"}""#,
            r#"{"latency": true}"#,
            r#"{"latency": -1e-9}"#,
            r#"{"latency": 3600.1}"#,
            r#"{"latency": 1e999}"#,
            r#"{"latency": NaN}"#,
            r#"{"latency": 1"#,
            r#"{"latency": 1} x"#,
            "[1",
            "null x",
        ];
        for answer in refused {
            assert!(latency_s(answer.as_bytes()).is_err(), "{answer}");
        }
    }

    #[test]
    fn a_digest_is_that_of_all_but_the_latency_in_every_form() {
        let forms = [
            r#"{"latency": 0.25, "data": "<td>"}"#,
            r#" {"data":"<td>","latency":1} "#,
            r#"{"data": "<td>"}"#,
            r#""{\"latency\": 0.5, \"data\": \"<td>\"}""#,
        ];
        let digests: Vec<_> = forms.iter().map(|form| digest(form.as_bytes())).collect();
        let expected = Some(sha256(br#"{"data":"<td>"}"#));
        assert_eq!(digests, vec![expected.clone(); 4]);
        assert_eq!(text_digest(r#"{"latency": 2, "data": "<td>"}"#), expected);
        assert_eq!(
            text_digest(forms[3]),
            expected,
            "a greeter answers with what Lambda would, quotation marks included"
        );
        assert_eq!(digest(br#""Hello""#), text_digest("Hello"));
        assert_eq!(text_digest(r#""Hello"#), Some(sha256(br#""\"Hello""#)));
        assert_eq!(text_digest("Hello"), Some(sha256(br#""Hello""#)));
        assert_eq!(text_digest("{no json"), Some(sha256(br#""{no json""#)));
        assert_eq!(digest(b"1"), Some(sha256(b"1")));
        assert_ne!(digest(b"1"), digest(br#""1""#));
        assert_ne!(digest(br#"{"data": "<td>"}"#), digest(br#"{"data": "<th>"}"#));
        assert_eq!((digest(b"garbage"), digest(b""), digest(b"\xff")), (None, None, None));
    }

    #[test]
    fn survives_deep_nesting() {
        let deep = format!(r#"{{"data": {}{}, "latency": 1}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert!(latency_s(deep.as_bytes()).is_ok());
    }

    proptest! {
        #[test]
        fn a_string_of_json_says_what_the_object_says(latency in 0.0_f64..3600.0, data in ".*") {
            let object = serde_json::json!({"data": data, "latency": latency}).to_string();
            let string = serde_json::to_string(&object).unwrap();
            prop_assert_eq!(latency_s(object.as_bytes()).unwrap().unwrap().to_bits(), latency.to_bits());
            prop_assert_eq!(latency_s(string.as_bytes()).unwrap().unwrap().to_bits(), latency.to_bits());
        }
    }
}
