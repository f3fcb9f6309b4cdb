//! The function's answers to events, with the real library, model and images.

use std::collections::BTreeMap;

use cnn_serving::CnnServing;
use cnn_serving::samples;
use cnn_serving::settings::Settings;
use function_core::error::INVALID_EVENT;
use serde::Deserialize;

use crate::common;

/// What Keras' graph gives for the sample images, computed with Pillow and ONNX Runtime.
const EXPECTED: &str = include_str!("../../model/expected.json");
const TOLERANCE: f32 = 1e-5;

type Row = (String, String, String);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    result: Vec<Vec<Row>>,
    latency: f64,
}

fn function() -> CnnServing {
    CnnServing::load(&common::assets(), &Settings::default()).unwrap()
}

fn answer(function: &mut CnnServing, event: &str) -> Answer {
    let text: String = serde_json::from_str(function.answer(event).unwrap().get()).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn the_sample_images_give_the_expected_classes_and_scores() {
    let expected: BTreeMap<String, Vec<Row>> = serde_json::from_str(EXPECTED).unwrap();
    let mut function = function();
    for (index, name) in samples::NAMES.into_iter().enumerate() {
        let answer = answer(&mut function, &format!(r#"{{"input_file_seq": {index}}}"#));
        let [rows] = answer.result.as_slice() else { panic!("{name}: {} results", answer.result.len()) };
        assert_eq!(rows.len(), 5, "{name}");
        for (row, expected) in rows.iter().zip(&expected[name]) {
            assert_eq!((&row.0, &row.1), (&expected.0, &expected.1), "{name}");
            let difference = (score(row) - score(expected)).abs();
            assert!(difference <= TOLERANCE, "{name}: {row:?} differs from {expected:?} by {difference}");
        }
        assert!(answer.latency > 0.0 && answer.latency < 60.0, "{} s", answer.latency);
    }
}

fn score(row: &Row) -> f32 {
    row.2.parse().unwrap()
}

#[test]
fn events_choose_the_image_as_a_python_index_does() {
    let mut function = function();
    let best = |function: &mut CnnServing, event: &str| answer(function, event).result[0][0].1.clone();
    for (event, class) in [
        ("{}", "Egyptian_cat"),
        (r#"{"input_object_key": "image2.jpg"}"#, "Egyptian_cat"),
        (r#"{"input_file_seq": -1}"#, "pole"),
        (r#"{"input_file_seq": -4}"#, "Egyptian_cat"),
        (r#"{"input_file_seq": true}"#, "espresso"),
        (r#"{"input_file_seq": 2}"#, "tripod"),
    ] {
        assert_eq!(best(&mut function, event), class, "{event}");
    }
}

#[test]
fn a_refused_event_leaves_the_function_working() {
    let mut function = function();
    for event in [r#"{"input_file_seq": 4}"#, r#"{"input_file_seq": 1.0}"#, "[]"] {
        assert_eq!(function.answer(event).unwrap_err().error_type, INVALID_EVENT, "{event}");
    }
    assert_eq!(answer(&mut function, "{}").result[0][0].1, "Egyptian_cat");
}

#[test]
fn the_answer_is_laid_out_like_the_originals() {
    let mut function = function();
    let text: String = serde_json::from_str(function.answer("{}").unwrap().get()).unwrap();
    let (result, latency) = text.split_once(r#", "latency": "#).unwrap();
    assert!(result.starts_with(r#"{"result": [[["n02124075", "Egyptian_cat", "0.4867"#), "{text}");
    assert!(result.ends_with("\"]]]"), "{text}");
    assert!(latency.strip_suffix('}').unwrap().parse::<f64>().is_ok(), "{text}");
}
