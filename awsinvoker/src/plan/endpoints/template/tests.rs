use proptest::prelude::*;

use super::*;

const VALUES: &str =
    r#"{"rows": {"integer": [-3, 100]}, "size": {"choice": ["small", "mid", 3]}, "id": {"hex": 6}}"#;

fn template(payload: &str, values: &str, seed: u64) -> PayloadTemplate {
    PayloadTemplate { seed, ..PayloadTemplate::parse(payload, values).unwrap() }
}

/// The values were computed by a program in Python that follows the documentation.
#[test]
fn values_are_those_that_the_documentation_tells() {
    let payload = r#"["{{number}}", "{{rows}}", "{{size}}", "{{id}}"]"#;
    let template_of_three = template(payload, VALUES, 7);
    let filled = [0, 1, 2, 1_000_000_000_000].map(|number| template_of_three.filled(number));
    let expected = [
        r#"[0, 0, "small", "09cd8b"]"#,
        r#"[1, 91, "mid", "e1b0d1"]"#,
        r#"[2, 53, 3, "2fd5d8"]"#,
        r#"[1000000000000, 28, 3, "0b55c8"]"#,
    ];
    assert_eq!(filled, expected);
    let long = template(r#""{{long}}""#, r#"{"long": {"hex": 70}}"#, 7);
    let expected = "dc7de9e411e5f173ec47652fc168677face120b721c72aa8b42dd983df03c598bfdc76";
    assert_eq!(long.filled(5), format!("\"{expected}\""));
}

#[test]
fn what_cannot_be_filled_is_named() {
    let error =
        |payload: &str, values: &str| PayloadTemplate::parse(payload, values).unwrap_err().to_string();
    insta::assert_snapshot!(error("\"{{number}}\"", "[1]"), @r#"`payload_values` is [1], expected an object of at most 20 values like {"rows": {"integer": [1, 100]}}"#);
    insta::assert_snapshot!(error("\"{{number}}\"", r#"{"number": {"hex": 1}}"#), @"`payload_values` has the name `number`, expected 1 to 40 letters, digits and _, and not `number`, which is the number of the call");
    insta::assert_snapshot!(error("\"{{number}}\"", r#"{"a b": {"hex": 1}}"#), @"`payload_values` has the name `a b`, expected 1 to 40 letters, digits and _, and not `number`, which is the number of the call");
    for value in [
        r#"{"hex": 0}"#,
        r#"{"hex": 4097}"#,
        r#"{"choice": []}"#,
        r#"{"integer": [2, 1]}"#,
        r#"{"integer": [0, 9007199254740993]}"#,
        r#"{"integer": [0.5, 1]}"#,
        r#"{"hex": 1, "integer": [1, 2]}"#,
        r#"{"uuid": 1}"#,
        "3",
    ] {
        let error = error("\"{{a}}\"", &format!("{{\"a\": {value}}}"));
        assert!(
            error.starts_with(&format!("`payload_values`: `a` is {value}, expected {{\"integer\"")),
            "{error}"
        );
    }
    insta::assert_snapshot!(error("\"{{a}}\"", r#"{"a": {"integer": [2, 1]}}"#), @r#"`payload_values`: `a` is {"integer": [2, 1]}, expected {"integer": [FROM, TO]} with whole numbers of at most 2^53, {"choice": [ANY JSON, ...]} with 1 to 1000 of them, or {"hex": DIGITS} with 1 to 4096"#);
    insta::assert_snapshot!(error("\"{{a}}\"", "{}"), @"the payload has the placeholder `{{a}}`, expected `{{number}}` or a name of `payload_values`");
    insta::assert_snapshot!(error("\"{{ number }}\"", r#"{"b": {"hex": 1}, "c": {"hex": 1}}"#), @"the payload has the placeholder `{{ number }}`, expected `{{number}}` or a name of `payload_values`: b, c");
    insta::assert_snapshot!(error(r#"{"a": {"b": "{{number"}}"#, "{}"), @r#"the payload has the placeholder `{{number"}}`, expected `{{number}}` or a name of `payload_values`"#);
    insta::assert_snapshot!(error("\"{{number\"", "{}"), @"the payload has {{ without }} behind it, expected a placeholder like {{number}}");
    insta::assert_snapshot!(error("\"a{{a}}\"", r#"{"a": {"choice": ["x", {"y": 1}]}}"#), @r#"`payload_values`: `a` has the choice {"y": 1}, which the payload has within a text: expected a string, a number or a boolean there"#);
    insta::assert_snapshot!(error("\"{{number}}\"", r#"{"a": {"hex": 1}}"#), @"`payload_values`: `a` is not used, expected a payload with {{a}}");
    insta::assert_snapshot!(error("{}", "{}"), @"the payload has no placeholder, expected one like {{number}} with `payload_values`");
}

#[test]
fn whole_strings_become_values_of_their_own_kind() {
    let values = r#"{"a": {"choice": [{"x": 1.0}]}, "b": {"choice": ["\"q\""]}, "c": {"integer": [5, 5]}}"#;
    let payload = r#"["{{a}}", "{{b}}", "<{{b}}>", "{{c}}", "\"{{c}}\"", "{{c}}{{c}}", {"{{c}}" : "{{number}} {{number}}"}]"#;
    let expected = r#"[{"x": 1.0}, "\"q\"", "<\"q\">", 5, "\"5\"", "55", {"5" : "4 4"}]"#;
    assert_eq!(template(payload, values, 0).filled(4), expected);
}

#[test]
fn extremes_have_each_choice_and_the_ends_of_ranges() {
    let template = template(r#"["{{rows}}", "{{size}}", "{{id}}"]"#, VALUES, 0);
    let found: Vec<_> = template.extremes().skip(1).collect();
    let expected = [
        r#"[-3, "small", "000000"]"#,
        r#"[-3, "small", "000000"]"#,
        r#"[100, "small", "000000"]"#,
        r#"[-3, "small", "000000"]"#,
        r#"[-3, "mid", "000000"]"#,
        r#"[-3, 3, "000000"]"#,
    ];
    assert_eq!(found, expected);
}

#[test]
fn each_value_is_equally_likely() {
    let template = template("\"{{size}}\"", r#"{"size": {"choice": [0, 1, 2, 3]}}"#, 1);
    let mut counts = [0_u32; 4];
    for number in 0..4_000 {
        counts[template.filled(number).parse::<usize>().unwrap()] += 1;
    }
    // A thousand expected; the tolerance is five standard deviations.
    assert!(counts.iter().all(|count| count.abs_diff(1_000) < 137), "{counts:?}");
}

proptest! {
    #[test]
    fn what_is_filled_is_json_within_the_limits(seed: u64, number: u64, from in -99..99_i64, more in 0..99_i64, digits in 1..200_usize) {
        let values = format!(
            r#"{{"rows": {{"integer": [{from}, {}]}}, "size": {{"choice": ["\\u00e9", 1, "\"", true]}}, "id": {{"hex": {digits}}}}}"#,
            from + more
        );
        let payload = r#"{"r": "{{rows}}", "s": "{{size}}", "i": "{{id}}", "t": "{{number}}: {{rows}} {{size}} {{id}}", "n": "{{number}}"}"#;
        let template = template(payload, &values, seed);
        let filled = template.filled(number);
        prop_assert!(filled.len() <= template.max_bytes());
        let json: serde_json::Value = serde_json::from_str(&filled).unwrap();
        prop_assert_eq!(json["n"].as_u64(), Some(number));
        let rows = json["r"].as_i64().unwrap();
        prop_assert!((from..=from + more).contains(&rows));
        let (id, size) = (json["i"].as_str().unwrap(), &json["s"]);
        prop_assert_eq!(id.len(), digits);
        let size = size.as_str().map_or_else(|| size.to_string(), str::to_owned);
        prop_assert_eq!(json["t"].as_str().unwrap(), format!("{number}: {rows} {size} {id}"));
    }

    #[test]
    fn no_payload_is_too_much(payload in "(\\{\\{|\\}\\}|\"|\\\\|a|number|:|é){0,12}", values in "\\PC{0,20}") {
        let _ = PayloadTemplate::parse(&payload, &values);
        let _ = PayloadTemplate::parse(&payload, r#"{"a": {"choice": ["x", null]}}"#).map(|template| template.filled(1));
    }
}
