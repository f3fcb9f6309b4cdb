//! The answer on the wire: a JSON string that itself holds JSON, as the original's clients expect it.
//!
//! Escaping the whole table twice would take many times longer than rendering it. But its rows are all the
//! same, so one of them is escaped, and its escaped text is what is repeated.

use std::time::Duration;

use function_core::python::float_repr;
use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::table::Html;

/// The struct name under which `serde_json` recognises a `RawValue` and writes its text unchanged. An [`Answer`] uses the
/// same name, because making a real `RawValue` would parse the whole text again.
const RAW_VALUE: &str = "$serde_json::private::RawValue";

/// The JSON text `"{\"latency\": SECONDS, \"data\": \"HTML\"}"`, in parts that are joined when `serde_json`, and
/// nothing else, serialises it. So the text is written once, into the buffer that is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    opening: String,
    row: String,
    rows: usize,
    closing: String,
}

impl Answer {
    /// Answers with `html`, which took `latency` to render.
    pub fn new(html: &Html, latency: Duration) -> Self {
        let (head, row, tail) = html.parts();
        let latency = float_repr(latency.as_secs_f64());
        Self {
            opening: [r#""{\"latency\": "#, &latency, r#", \"data\": \""#, &escape_twice(head)].concat(),
            row: escape_twice(row),
            rows: html.rows(),
            closing: [&escape_twice(tail), r#"\"}""#].concat(),
        }
    }
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut raw = serializer.serialize_struct(RAW_VALUE, 1)?;
        raw.serialize_field(RAW_VALUE, &self.opening)?;
        for _ in 0..self.rows {
            raw.serialize_field(RAW_VALUE, &self.row)?;
        }
        raw.serialize_field(RAW_VALUE, &self.closing)?;
        raw.end()
    }
}

/// Spells a part of a table as JSON within JSON. Of all that JSON escapes, a table has only these two.
fn escape_twice(html: &str) -> String {
    let mut escaped = String::with_capacity(html.len() * 3 / 2);
    let mut copied = 0;
    for (index, byte) in html.bytes().enumerate() {
        let escape = match byte {
            b'"' => r#"\\\""#,
            b'\n' => r"\\n",
            _ => continue,
        };
        escaped.push_str(&html[copied..index]);
        escaped.push_str(escape);
        copied = index + 1;
    }
    escaped.push_str(&html[copied..]);
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::size::{MAX_LATENCY_TEXT, answer_size};
    use crate::table::Table;

    proptest! {
        #[test]
        fn it_is_the_json_of_the_json(
            (rows, columns) in (0..40_usize, 0..200_usize),
            latency in (0..1_000_000_000_000_u64).prop_map(Duration::from_nanos),
        ) {
            let html = Table::new(rows, columns).unwrap().render();
            let answer = serde_json::to_string(&Answer::new(&html, latency)).unwrap();

            let seconds = float_repr(latency.as_secs_f64());
            let data = serde_json::to_string(html.as_str()).unwrap();
            let inner = format!(r#"{{"latency": {seconds}, "data": {data}}}"#);
            prop_assert_eq!(&answer, &serde_json::to_string(&inner).unwrap());
            let size = answer.len() - seconds.len() + MAX_LATENCY_TEXT;
            prop_assert_eq!(answer_size(rows, columns), Some(size));
        }

        #[test]
        fn no_latency_is_longer_than_counted(seconds: u64, nanos in 0..1_000_000_000_u32) {
            let latency = Duration::new(seconds, nanos);
            prop_assert!(float_repr(latency.as_secs_f64()).len() <= MAX_LATENCY_TEXT);
        }
    }
}
