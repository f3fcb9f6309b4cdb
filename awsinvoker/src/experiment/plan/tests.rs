use proptest::prelude::*;

use super::*;

const SMALL: &str = "run.rps = 10\n[systems]\na = {}\nb = {}\n[functions.f]\n";

fn read(text: &str) -> Result<ExperimentPlan, PlanError> {
    ExperimentPlan::read(text, Path::new("/plans"), false)
}

fn entries(plan: &ExperimentPlan) -> String {
    plan.entries.iter().map(|entry| format!("{}\n", entry.json)).collect()
}

#[test]
fn the_examples_take_less_than_six_minutes() {
    let processes = include_str!("../../../../examples/lambda_vs_knative/plan.toml");
    let containers = include_str!("../../../../examples/lambda_vs_knative/containers.toml");
    for text in [processes, containers] {
        let plan = read(text).unwrap();
        assert_eq!((plan.systems.join(" "), plan.entries.len()), ("lambda-local grpc".to_owned(), 4));
        assert!(u64::from(plan.pairs) * plan.window_ns <= 300 * units::NS_PER_S);
    }
}

#[test]
fn what_is_not_said_has_a_default() {
    let plan = read(SMALL).unwrap();
    let ExperimentPlan { name, mode, pairs, window_ns, margin, seed, rps, systems, flags, .. } = &plan;
    assert_eq!((name, *mode, *pairs, *window_ns), (&None, Mode::RoundRobin, 10, 30_000_000_000));
    assert_eq!((*margin, *seed, *rps), (0.05, 0, Some(10.0)));
    assert_eq!((systems.join(" "), flags.len()), ("a b".to_owned(), 0));
    insta::assert_snapshot!(entries(&plan), @r#"
{ "hostname": "f", "label": "f@a", "function": "f", "system": "a" }
{ "hostname": "f", "label": "f@b", "function": "f", "system": "b" }
"#);
}

#[test]
fn an_entry_is_what_its_function_its_system_and_both_together_say() {
    let plan = read(
        r#"
        name = "x"
        baseline = "b"
        pairs = 0x10
        [run]
        rps = 1e2
        [systems]
        a = { memory_mb = 256, program = "./p" }
        b = { protocol = "greeter", port = 50_051 }
        [functions.g]
        hostname = "h"
        weight = 3
        payload = { z = [1, 2.50, +3], a = "x\"", t = { b = true } }
        [functions.g.on.b]
        hostname = "g.example.com"
        [functions.f]
        payload = "text"
        "#,
    );
    let plan = plan.unwrap();
    assert_eq!((plan.systems.join(" "), plan.pairs, plan.rps), ("b a".to_owned(), 16, Some(100.0)));
    assert_eq!(plan.share_of(Some("a")), 0.5);
    insta::assert_snapshot!(entries(&plan), @r#"
{ "hostname": "g.example.com", "label": "g@b", "function": "g", "system": "b", "payload": {"z": [1, 2.50, 3], "a": "x\"", "t": {"b": true}}, "weight": 3, "port": 50051, "protocol": "greeter" }
{ "hostname": "h", "label": "g@a", "function": "g", "system": "a", "payload": {"z": [1, 2.50, 3], "a": "x\"", "t": {"b": true}}, "weight": 3, "memory_mb": 256, "program": "/plans/./p" }
{ "hostname": "f", "label": "f@b", "function": "f", "system": "b", "payload": "text", "port": 50051, "protocol": "greeter" }
{ "hostname": "f", "label": "f@a", "function": "f", "system": "a", "payload": "text", "memory_mb": 256, "program": "/plans/./p" }
"#);
}

#[test]
fn a_payload_of_a_file_becomes_part_of_the_entry() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("p.json"), "{\"n\": 1.0}\n").unwrap();
    let text = format!("{SMALL}payload_file = \"p.json\"\n");
    let plan = ExperimentPlan::read(&text, folder.path(), false).unwrap();
    insta::assert_snapshot!(plan.entries[0].json, @r#"{ "hostname": "f", "label": "f@a", "function": "f", "system": "a", "payload": {"n": 1.0} }"#);
}

#[test]
fn a_system_is_compared_with_itself() {
    let arms = |run: &str, system: &str| {
        let text = format!("[run]\nrps = 1\n{run}\n[systems]\ns = {system}\n[functions]\nf = {{}}\n");
        entries(&ExperimentPlan::read(&text, Path::new("/plans"), true).unwrap())
    };
    insta::assert_snapshot!(arms("local = true", "{}"), @r#"
{ "hostname": "f-a", "label": "f@s-a", "function": "f", "system": "s-a", "program": "f" }
{ "hostname": "f-b", "label": "f@s-b", "function": "f", "system": "s-b", "program": "f" }
"#);
    insta::assert_snapshot!(arms("local = true\nimages = true", "{}"), @r#"
{ "hostname": "f-a", "label": "f@s-a", "function": "f", "system": "s-a", "image": "f:latest" }
{ "hostname": "f-b", "label": "f@s-b", "function": "f", "system": "s-b", "image": "f:latest" }
"#);
    insta::assert_snapshot!(arms("local = true", "{ program = 'x/p' }"), @r#"
{ "hostname": "f-a", "label": "f@s-a", "function": "f", "system": "s-a", "program": "/plans/x/p" }
{ "hostname": "f-b", "label": "f@s-b", "function": "f", "system": "s-b", "program": "/plans/x/p" }
"#);
    insta::assert_snapshot!(arms("region = 'eu-west-1'", "{}"), @r#"
{ "hostname": "f", "label": "f@s-a", "function": "f", "system": "s-a" }
{ "hostname": "f", "label": "f@s-b", "function": "f", "system": "s-b" }
"#);
    insta::assert_snapshot!(arms("local = true", "{ region = 'eu-west-1' }"), @r#"
{ "hostname": "f", "label": "f@s-a", "function": "f", "system": "s-a", "region": "eu-west-1" }
{ "hostname": "f", "label": "f@s-b", "function": "f", "system": "s-b", "region": "eu-west-1" }
"#);
}

#[test]
fn what_is_demanded_of_an_endpoint_is_not_demanded_of_a_system_beside_itself() {
    let text = SMALL
        .replace("run.rps = 10", "run = { rps = 1, thresholds = ['f@a.ok>1%', 'ok>2%', 'f@a-a.ok>3%'] }");
    let thresholds = |a_a| {
        let plan = ExperimentPlan::read(&text, Path::new(""), a_a).unwrap();
        plan.flags.into_iter().filter_map(|flag| flag.value).collect::<Vec<_>>()
    };
    assert_eq!(thresholds(false), ["f@a.ok>1%", "ok>2%", "f@a-a.ok>3%"]);
    assert_eq!(thresholds(true), ["ok>2%", "f@a-a.ok>3%"]);
}

#[test]
fn one_system_has_several_sizes() {
    let sizes = |run: &str, system: &str| {
        let text = format!(
            "[run]\nrps = 1\n{run}\n[systems]\ns = {system}\n[functions]\nf = {{}}\n[sweep]\nmemory = [1769, 128]\n"
        );
        let plan = read(&text).map_err(|error| error.to_string())?;
        assert!(plan.has_flag("--unlike"), "unlike memory is what is compared");
        assert_eq!(plan.systems, ["1769MB", "128MB"]);
        Ok::<_, String>(entries(&plan))
    };
    insta::assert_snapshot!(sizes("local = true", "{}").unwrap(), @r#"
{ "hostname": "f-1769mb", "label": "f@1769MB", "function": "f", "system": "1769MB", "program": "f", "memory_mb": 1769 }
{ "hostname": "f-128mb", "label": "f@128MB", "function": "f", "system": "128MB", "program": "f", "memory_mb": 128 }
"#);
    // On AWS, a function has one size at a time: versions of it are called.
    insta::assert_snapshot!(sizes("", "{}").unwrap(), @r#"
{ "hostname": "f", "label": "f@1769MB", "function": "f", "system": "1769MB", "qualifier": "awsinvoker-mb-1769" }
{ "hostname": "f", "label": "f@128MB", "function": "f", "system": "128MB", "qualifier": "awsinvoker-mb-128" }
"#);
    insta::assert_snapshot!(sizes("", "{ protocol = 'greeter' }").unwrap_err(), @"line 7: function `f` has no sizes: [sweep] is for functions that are started for the run, and for those of AWS Lambda");
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let with = |text: &str| format!("{text}\n{SMALL}");
    let behind = |text: &str| format!("{SMALL}{text}");
    let message = |text: String| read(&text).unwrap_err().to_string();
    insta::assert_snapshot!(message("pairs =".to_owned()), @"line 1: string values must be quoted, expected literal string, expected TOML");
    insta::assert_snapshot!(message(with("pears = 3")), @"line 1: the key `pears` is not known, expected `pairs`");
    insta::assert_snapshot!(message(with("xyz = 3")), @"line 1: the key `xyz` is not known, expected one of name, mode, pairs, window, margin, seed, baseline, systems, functions, sweep, cold, run");
    insta::assert_snapshot!(message(with("pairs = 0")), @"line 1: `pairs` is 0, expected a whole number from 1 to 10000");
    insta::assert_snapshot!(message(with("pairs = 10001")), @"line 1: `pairs` is 10001, expected a whole number from 1 to 10000");
    insta::assert_snapshot!(message(with("window = 30")), @r#"line 1: `window` is 30, expected a time from "100ms" to "1h""#);
    insta::assert_snapshot!(message(with("window = '2h'")), @r#"line 1: `window` is "2h", expected a time from "100ms" to "1h""#);
    insta::assert_snapshot!(message(with("margin = '0%'")), @r#"line 1: `margin` is "0%", expected a share above 0% and below 100%, such as "5%""#);
    insta::assert_snapshot!(message(with("seed = -1")), @"line 1: `seed` is -1, expected a whole number from 0");
    insta::assert_snapshot!(message(with("mode = 'random'")), @r#"line 1: `mode` is "random", expected "round_robin", "interleaved" or "cold""#);
    insta::assert_snapshot!(message(with("baseline = 'c'")), @"`baseline` is `c`, expected a name of [systems]: a, b");
    insta::assert_snapshot!(message(SMALL.replace("rps = 10", "rps = 0")), @"line 1: `run.rps` is 0, expected requests a second over all systems, a number above 0");
    insta::assert_snapshot!(message(SMALL.replace("rps", "rsp")), @"line 1: the key `run.rsp` is not known, expected `rps`");
    insta::assert_snapshot!(message(SMALL.replace("run.rps = 10", "")), @"line 1: `run.rps` is missing, expected requests a second over all systems, a number above 0");
    insta::assert_snapshot!(message(SMALL.replace("run.rps = 10", "run = { rps = 1, warmup = '3s' }")), @"line 1: the key `run.warmup` is not known, expected `warm_up`");
    insta::assert_snapshot!(message(SMALL.replace("run.rps = 10", "run = { rps = 1, local = 1 }")), @"line 1: `run.local` is 1, expected true or false");
    insta::assert_snapshot!(message(SMALL.replace("run.rps = 10", "run = { rps = 1, env = { A = 1 } }")), @"line 1: `run.env` is a table, expected a table of texts");
    insta::assert_snapshot!(message(SMALL.replace("b = {}", "")), @"there is one system, expected at least two, or [sweep], or --a-a, which compares the system with itself");
    insta::assert_snapshot!(message(SMALL.replace("b = {}", "b = 3")), @"line 4: `systems.b` is 3, expected a table");
    insta::assert_snapshot!(message(SMALL.replace("b = {}", "b = { payload = 3 }")), @"line 4: the key `systems.b.payload` is not known, expected one of endpoint_url, hostname, image, memory_mb, port, profile, program, protocol, qualifier, region, restart, tls");
    insta::assert_snapshot!(message(SMALL.replace("b = {}", "b = { memory_mb = 5 }")), @"line 5: function `f` on system `b`: `memory_mb` is 5, expected a whole number from 128 to 10240");
    insta::assert_snapshot!(message(SMALL.replace("[functions.f]", "")), @"there is no function, expected a table [functions.NAME] for each");
    insta::assert_snapshot!(message(behind("label = 'x'")), @"line 6: the key `functions.f.label` is not known, expected one of endpoint_url, eventing, hostname, image, memory_mb, payload, payload_file, payload_values, port, profile, program, protocol, qualifier, region, restart, tls, weight, on");
    insta::assert_snapshot!(message(behind("on.c.hostname = 'x'")), @"line 6: the key `functions.f.on.c` is not known, expected a name of [systems]: a, b");
    insta::assert_snapshot!(message(behind("payload = { at = 2020-01-01 }")), @"line 6: `functions.f.payload` is a table, expected a value that JSON has too, so no date, `inf` or `nan`");
    insta::assert_snapshot!(message(behind("payload = [inf]")), @"line 6: `functions.f.payload` is an array, expected a value that JSON has too, so no date, `inf` or `nan`");
    insta::assert_snapshot!(message(behind("payload_file = 'missing.json'")), @"line 5: function `f` on system `a`: `payload_file` missing.json: cannot be read: No such file or directory (os error 2)");
    insta::assert_snapshot!(message(behind("[sweep]\nmemory = [128, 256]")), @"there are [sweep] and 2 systems, expected one system, whose functions get each size");
    insta::assert_snapshot!(message(behind("[sweep]\nmemory = [128, 128]")), @"line 7: `sweep.memory` is an array, expected an array of 2 to 20 different whole numbers of MB from 128 to 10240");
    insta::assert_snapshot!(message(behind("[sweep]")), @"line 6: `sweep.memory` is missing, expected an array of 2 to 20 different whole numbers of MB from 128 to 10240");
}

#[test]
fn a_campaign_of_cold_starts_has_no_rate() {
    let text = SMALL.replace("run.rps = 10", "mode = \"cold\"");
    let cold =
        |table: &str| read(&format!("{text}[cold]\n{table}\n")).map(|plan| (plan.rps, plan.cold.unwrap()));
    let (rps, told) = cold("").unwrap();
    assert_eq!((rps, told.clone()), (None, read(&text).unwrap().cold.unwrap()));
    assert_eq!(
        (told.idle_ns, told.calls, told.until, told.max_time_ns, told.max_usd),
        (None, 10, None, None, None)
    );
    let (_, told) = cold(
        "after = 'idle'\nidle = '10m'\ncalls = 3\nuntil = 'p99 within 5%'\nmax_time = '2h'\nmax_usd = 0.5",
    )
    .unwrap();
    let until = Until { statistic: run_record::comparison::Statistic::P99, within: 0.05 };
    assert_eq!((told.idle_ns, told.calls, told.until), (Some(600_000_000_000), 3, Some(until)));
    assert_eq!((told.max_time_ns, told.max_usd), (Some(7_200_000_000_000), Some(0.5)));
    let message = |table: &str| cold(table).unwrap_err().to_string();
    insta::assert_snapshot!(message("idle = '10m'"), @r#"line 6: `cold.after` and `cold.idle` do not agree, expected `after = "idle"` with `idle`, or neither"#);
    insta::assert_snapshot!(message("after = 'idle'"), @r#"line 6: `cold.after` and `cold.idle` do not agree, expected `after = "idle"` with `idle`, or neither"#);
    insta::assert_snapshot!(message("after = 'update'"), @r#"line 7: `cold.after` is "update", expected "deploy" or "idle""#);
    insta::assert_snapshot!(message("until = 'mean within 5%'"), @r#"line 7: `cold.until` is "mean within 5%", expected a percentile and a share, such as "p50 within 5%""#);
    insta::assert_snapshot!(message("until = 'p50 within 0%'"), @r#"line 7: `cold.until` is "p50 within 0%", expected a percentile and a share, such as "p50 within 5%""#);
    insta::assert_snapshot!(message("max_usd = -1"), @"line 7: `cold.max_usd` is -1, expected a number of US dollars from 0");
    insta::assert_snapshot!(read(&format!("{text}[run]\nrps = 1")).unwrap_err().to_string(), @"line 7: `run.rps` is given, expected none with the mode `cold`: each call is made when the one before has ended");
    insta::assert_snapshot!(read(&format!("{SMALL}[cold]\n")).unwrap_err().to_string(), @r#"there is [cold], expected none without `mode = "cold"`"#);
}

proptest! {
    #[test]
    fn no_text_is_too_much(text in "\\PC*", lines in prop::collection::vec("(pairs|seed|run|rps|systems|functions|a|\\[|\\]|\\{|\\}|=|\\.|,| |1|'x'|\n){0,12}", 0..8)) {
        let _ = read(&text);
        let _ = read(&lines.join("\n"));
    }

    #[test]
    fn what_an_entry_sends_is_what_the_plan_says(
        number in any::<i64>(), float in any::<f64>().prop_filter("JSON has it", |float| float.is_finite()), text in "\\PC{0,20}"
    ) {
        // TOML and JSON have the same strings, but for a few escapes that JSON has alone.
        let payload = serde_json::json!({"n": number, "f": float, "t": [text]});
        let toml = format!("payload = {{ n = {number}, f = {float:?}, t = [{}] }}\n", toml_string(&text));
        let plan = read(&format!("{SMALL}{toml}")).unwrap();
        let sent: serde_json::Value = serde_json::from_str(&plan.entries[0].endpoint.payload).unwrap();
        prop_assert_eq!(sent["n"].as_i64(), Some(number));
        prop_assert!((sent["f"].as_f64().unwrap() - float).abs() <= float.abs() * 1e-15);
        prop_assert_eq!(&sent["t"], &payload["t"]);
    }
}

fn toml_string(text: &str) -> String {
    text.chars().fold("\"".to_owned(), |string, c| string + &format!("\\U{:08X}", u32::from(c))) + "\""
}
