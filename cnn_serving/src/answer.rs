//! The answer as clients of the original function read it.

use std::time::Duration;

use function_core::python::float_repr;
use serde_json::value::{RawValue, to_raw_value};

use crate::labels::Prediction;

/// The answer's JSON: a string that itself holds JSON, because the original's handler returned `json.dumps(...)`
/// and Lambda serialises what a handler returns.
///
/// # Errors
/// None in practice: a string can always be serialised.
pub fn encode(predictions: &[Prediction], latency: Duration) -> Result<Box<RawValue>, serde_json::Error> {
    to_raw_value(&inner(predictions, latency))
}

/// The inner JSON, spaced like Python's `json.dumps`. The names of classes need no escapes.
fn inner(predictions: &[Prediction], latency: Duration) -> String {
    let rows: Vec<String> = predictions.iter().map(row).collect();
    let latency = float_repr(latency.as_secs_f64());
    format!(r#"{{"result": [[{}]], "latency": {latency}}}"#, rows.join(", "))
}

fn row(prediction: &Prediction) -> String {
    let score = float_repr(prediction.score);
    format!(r#"["{}", "{}", "{score}"]"#, prediction.class.wnid, prediction.class.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::Class;

    #[test]
    fn is_a_json_string_of_json_spaced_like_python() {
        let cat = Class { wnid: "n02124075", name: "Egyptian_cat" };
        let cup = Class { wnid: "n07930864", name: "cup" };
        let predictions =
            [Prediction { class: cat, score: 0.75 }, Prediction { class: cup, score: 6.0961727e-5 }];
        let answer = encode(&predictions, Duration::from_micros(5123)).unwrap();
        let inner: String = serde_json::from_str(answer.get()).unwrap();
        insta::assert_snapshot!(
            inner,
            @r#"{"result": [[["n02124075", "Egyptian_cat", "0.75"], ["n07930864", "cup", "6.0961727e-05"]]], "latency": 0.005123}"#
        );
    }
}
