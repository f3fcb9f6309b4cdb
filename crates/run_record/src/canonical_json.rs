//! One form for JSON documents that mean the same, so that they can be compared.
//!
//! The canonical form has no space between its tokens, the keys of an object are sorted by their code points, and of equal
//! keys the last one counts. Strings have the escapes that `serde_json` writes. Numbers stay as they are written: `1` and
//! `1.0` differ, because a function may tell them apart, and no digit of a long number is lost.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// What is nested deeper stays as it is written: each level costs another look at the text.
const MAX_DEPTH: u32 = 64;

/// The canonical form of a JSON document.
///
/// # Errors
/// The text is not one JSON document.
pub fn canonical(json: &str) -> serde_json::Result<String> {
    without_key(json, None)
}

/// The canonical form of a JSON document. If it is an object, `key` is left out of it, but not out of what the object holds.
///
/// # Errors
/// The text is not one JSON document.
pub fn canonical_without(json: &str, key: &str) -> serde_json::Result<String> {
    without_key(json, Some(key))
}

fn without_key(json: &str, key: Option<&str>) -> serde_json::Result<String> {
    let value: &RawValue = serde_json::from_str(json)?;
    let mut out = String::with_capacity(json.len());
    write(&mut out, value.get(), key, MAX_DEPTH)?;
    Ok(out)
}

/// Writes a valid document, which has no space around it.
fn write(out: &mut String, json: &str, left_out: Option<&str>, depth: u32) -> serde_json::Result<()> {
    match json.as_bytes().first() {
        Some(b'{') if depth > 0 => {
            let mut object: BTreeMap<String, &RawValue> = serde_json::from_str(json)?;
            if let Some(key) = left_out {
                object.remove(key);
            }
            out.push('{');
            for (index, (key, value)) in object.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&serde_json::to_string(&key)?);
                out.push(':');
                write(out, value.get(), None, depth - 1)?;
            }
            out.push('}');
        }
        Some(b'[') if depth > 0 => {
            let array: Vec<&RawValue> = serde_json::from_str(json)?;
            out.push('[');
            for (index, value) in array.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(out, value.get(), None, depth - 1)?;
            }
            out.push(']');
        }
        Some(b'"') => out.push_str(&serde_json::to_string(&serde_json::from_str::<String>(json)?)?),
        _ => out.push_str(json),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn documents_that_mean_the_same_have_one_form() {
        for (json, expected) in [
            (" {\"b\": [1, 2.50 , {}],\n \"a\" : null} ", r#"{"a":null,"b":[1,2.50,{}]}"#),
            (r#"{"a": 1, "a": 2}"#, r#"{"a":2}"#),
            (r#""caf\u00e9\/""#, r#""café/""#),
            (r#"{"\u0061": true}"#, r#"{"a":true}"#),
            ("1180591620717411303424", "1180591620717411303424"),
            ("1.0", "1.0"),
            ("[]", "[]"),
        ] {
            assert_eq!(canonical(json).unwrap(), expected, "{json}");
        }
        for wrong in ["", "{", "1 2", "text", "[1,]"] {
            assert!(canonical(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_key_is_left_out_of_the_outermost_object_alone() {
        let without = |json: &str| canonical_without(json, "latency").unwrap();
        assert_eq!(without(r#"{"latency": 1, "data": {"latency": 2}}"#), r#"{"data":{"latency":2}}"#);
        assert_eq!(without(r#"{"latency": 1}"#), "{}");
        assert_eq!(without(r#"[{"latency": 1}]"#), r#"[{"latency":1}]"#);
    }

    #[test]
    fn deep_nesting_costs_neither_the_stack_nor_much_time() {
        let deep = format!("{} 1{}", "[".repeat(100_000), "]".repeat(100_000));
        let deep_object = format!("{} 1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
        for json in [deep, deep_object] {
            assert_eq!(canonical(&json).unwrap(), json, "what is nested deeper stays as it is written");
        }
    }

    proptest! {
        #[test]
        fn the_form_is_one_document_of_the_same_value(keys in prop::collection::vec(".{0,5}", 0..6), text in ".*", n: i64) {
            let value = serde_json::json!({
                "t": text, "n": n, "o": keys.iter().map(|key| (key.clone(), n.into())).collect::<serde_json::Map<_, _>>(),
            });
            let pretty = canonical(&serde_json::to_string_pretty(&value).unwrap()).unwrap();
            prop_assert_eq!(&pretty, &canonical(&value.to_string()).unwrap());
            prop_assert_eq!(&pretty, &canonical(&pretty).unwrap());
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&pretty).unwrap(), value);
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            let _ = canonical_without(&text, "latency");
        }
    }
}
