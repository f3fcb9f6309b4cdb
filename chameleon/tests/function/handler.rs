//! The function as Lambda calls it: the text of an event in, the text of an answer or an error out.

use chameleon::handle;
use serde_json::{Map, Value, json};

const LAMBDA_LIMIT: usize = 6_291_556;

/// The text of the answer, as it goes to Lambda.
fn answer(event: &str) -> String {
    serde_json::to_string(&handle(event).unwrap()).unwrap()
}

/// Reads an answer as the original's clients do: a JSON string that holds JSON.
fn decode(answer: &str) -> Map<String, Value> {
    let json: String = serde_json::from_str(answer).unwrap();
    serde_json::from_str(&json).unwrap()
}

fn event(rows: usize, columns: usize) -> String {
    json!({ "num_of_rows": rows, "num_of_cols": columns }).to_string()
}

fn refusal(event: &str) -> (&'static str, String) {
    let error = handle(event).unwrap_err();
    (error.error_type, error.message)
}

#[test]
fn a_client_of_the_original_finds_latency_and_data() {
    let answer = answer(r#"{"num_of_rows": 1, "num_of_cols": 3, "other": []}"#);
    assert!(answer.starts_with(r#""{\"latency\": "#), "{answer}");
    let fields = decode(&answer);
    assert_eq!(fields.len(), 2);
    let latency = fields["latency"].as_f64().unwrap();
    assert!(latency > 0.0 && latency < 60.0, "{latency}");
    assert_eq!(fields["data"], include_str!("../goldens/1x3.html"));
}

#[test]
fn defaults_booleans_and_negative_numbers_are_those_of_the_original() {
    for (event, golden) in [
        ("{}", include_str!("../goldens/1x2.html")),
        (r#"{"num_of_rows": true, "num_of_cols": 3}"#, include_str!("../goldens/1x3.html")),
        (r#"{"num_of_rows": false, "num_of_cols": 5}"#, include_str!("../goldens/0x5.html")),
        (r#"{"num_of_rows": 3, "num_of_cols": -1}"#, include_str!("../goldens/3x0.html")),
        (
            r#"{"num_of_rows": -7, "num_of_cols": 1180591620717411303424}"#,
            include_str!("../goldens/0x5.html"),
        ),
    ] {
        assert_eq!(decode(&answer(event))["data"], golden, "{event}");
    }
}

#[test]
fn what_the_original_refuses_is_an_invalid_event() {
    for (event, message) in [
        (r#"{"num_of_rows": 2.0}"#, "`num_of_rows` is 2.0; expected an integer"),
        (r#"{"num_of_cols": "3"}"#, "`num_of_cols` is \"3\"; expected an integer"),
        ("[1, 2]", "the event is [1, 2]; expected a JSON object"),
    ] {
        assert_eq!(refusal(event), ("InvalidEvent", message.to_owned()));
    }
}

#[test]
fn the_largest_answers_pass_and_one_more_row_is_refused() {
    for (columns, rows) in [(0, 349_524), (10, 11_096), (15, 7_384), (100, 1_103), (1000, 106)] {
        assert!(answer(&event(rows, columns)).len() <= LAMBDA_LIMIT);
        let (error_type, message) = refusal(&event(rows + 1, columns));
        assert_eq!(error_type, "ResponseTooLarge");
        assert!(
            message.ends_with(&format!("; ask for at most {rows} rows with as many columns")),
            "{message}"
        );
    }
}

#[test]
fn a_refusal_names_fields_values_size_limit_and_remedy() {
    assert_eq!(
        refusal(&event(11_097, 10)).1,
        "`num_of_rows` is 11097 and `num_of_cols` is 10: the answer would have up to 6292116 bytes, \
         but Lambda delivers at most 6291556; ask for at most 11096 rows with as many columns"
    );
    assert_eq!(
        refusal(&event(1, 200_000)).1,
        "`num_of_rows` is 1 and `num_of_cols` is 200000: the answer would have up to 12777922 bytes, \
         but Lambda delivers at most 6291556; not even one row fits, ask for fewer columns"
    );
    assert_eq!(
        refusal(r#"{"num_of_rows": 1180591620717411303424}"#).1,
        "`num_of_rows` is 1180591620717411303424 and `num_of_cols` is 2: the answer would have more than \
         18446744073709551615 bytes, but Lambda delivers at most 6291556; \
         ask for at most 50331 rows with as many columns"
    );
}

/// Each would need more memory than there is, or more time than a test has, if anything of it were built.
#[test]
fn enormous_tables_are_refused_at_once() {
    let million_million = 1_000_000_000_000;
    for event in [
        event(million_million, 10),
        event(1, million_million),
        event(million_million, million_million),
        event(usize::MAX, 0),
        r#"{"num_of_rows": 1180591620717411303424, "num_of_cols": 0}"#.to_owned(),
        format!(r#"{{"num_of_cols": 1{}}}"#, "0".repeat(100_000)),
    ] {
        let (error_type, message) = refusal(&event);
        assert_eq!(error_type, "ResponseTooLarge");
        assert!(message.len() < 400, "{message}");
    }
}
