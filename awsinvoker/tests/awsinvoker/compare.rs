//! `awsinvoker compare` with the real binary: one run of two systems in every form, and what is refused.

use std::fs;
use std::process::Output;

use run_record::comparison::{Claim, Comparison, Design, Measure, Note, Scope, Statistic};
use run_record::experiment::{self, Experiment, Mode, Run, RunState};
use run_record::format::json as json_file;
use run_record::run_dir::EXPERIMENT_JSON;
use serde_json::{Value, json};

use crate::support::{Bench, assert_complete, stderr, stdout, stub};

/// Two systems with one function each, the second of which takes 200 ms longer.
fn systems() -> Value {
    let [a, b] = [stub::start(), stub::start()].map(|address| format!("http://{address}"));
    json!([
        {"hostname": "string", "endpoint_url": a, "function": "f", "system": "quick"},
        {"hostname": "slow", "endpoint_url": b, "function": "f", "system": "slow"},
    ])
}

/// A run of these endpoints for two seconds and a half.
fn run(endpoints: &Value, flags: &str) -> Bench {
    let bench = Bench::new(&endpoints.to_string());
    let line = format!("-rps 80 -time 2.5 --out out --no-preflight {flags}");
    assert_complete(&bench.bare_command(&line).output().unwrap());
    bench
}

fn compare(bench: &Bench, line: &str) -> Output {
    bench.bare_command(&format!("compare {line}")).output().unwrap()
}

fn comparison(output: &Output) -> Comparison {
    json_file::read(&output.stdout[..], 1).unwrap_or_else(|error| panic!("{error}: {}", stderr(output)))
}

/// What is printed, without where lines end.
fn words(output: &Output) -> String {
    stdout(output).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn one_run_is_compared_in_every_form() {
    let bench = run(&systems(), "");
    let output = compare(&bench, "out --window 250ms --format json");
    let value: Value = serde_json::from_str(stdout(&output)).unwrap();
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/run_record/schema/comparison.schema.json");
    let schema: Value = serde_json::from_str(&fs::read_to_string(schema).unwrap()).unwrap();
    jsonschema::validator_for(&schema).unwrap().validate(&value).unwrap();
    let comparison = comparison(&output);
    assert_eq!(output.status.code(), Some(if comparison.valid { 0 } else { 4 }), "{}", stderr(&output));
    assert_eq!((comparison.design, comparison.windows), (Design::RoundRobin, 10));
    let contrast = &comparison.contrasts[0];
    assert_eq!((contrast.baseline.label.as_str(), contrast.candidate.label.as_str()), ("quick", "slow"));
    assert_eq!((contrast.baseline.requests, contrast.candidate.requests), (100, 100));
    let p50 = contrast.figures.iter().find(|figure| {
        (figure.scope, figure.measure, figure.statistic) == (Scope::All, Measure::RESPONSE, Statistic::P50)
    });
    assert_eq!(p50.unwrap().claim, Claim::BaselineFaster, "{p50:?}");
    assert!(!comparison.notes.contains(&Note::FixedOrder), "of two, each follows the other");
    let is_short = |note: &Note| matches!(note, Note::ShortWindows { .. });
    assert!(comparison.notes.iter().any(is_short), "{:?}", comparison.notes);

    let text = compare(&bench, "out --window 250ms");
    let text = stdout(&text);
    assert!(
        text.contains("f on quick answers ") && text.contains(" times as fast as on slow at p50"),
        "{text}"
    );
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let markdown = compare(&bench, "out --window 250ms --format markdown --out comparison.md");
    assert_eq!(stdout(&markdown), "");
    assert!(bench.read("comparison.md").contains("| response p50 | "));
    let csv = compare(&bench, "out --window 250ms --format csv");
    assert_eq!(stdout(&csv).lines().count(), 1 + contrast.figures.len());
}

#[test]
fn the_sides_are_chosen_by_name() {
    let bench = run(&systems(), "");
    let labels = |flags: &str| {
        let output = compare(&bench, &format!("out --window 250ms --format json {flags}"));
        let contrasts = comparison(&output).contrasts;
        contrasts.iter().map(|it| [it.baseline.label.clone(), it.candidate.label.clone()]).collect::<Vec<_>>()
    };
    assert_eq!(labels("--baseline slow"), [["slow", "quick"]]);
    assert_eq!(labels("--candidate quick"), [["slow", "quick"]]);
    assert_eq!(labels("--baseline slow@slow --candidate string@quick"), [["slow@slow", "string@quick"]]);
    let refused = |flags: &str| {
        let output = compare(&bench, &format!("out --window 250ms {flags}"));
        assert_eq!((output.status.code(), stdout(&output)), (Some(2), ""), "{}", stderr(&output));
        stderr(&output).to_owned()
    };
    insta::assert_snapshot!(refused("--baseline none"), @"error: --baseline none: there is no such system or endpoint, expected a system (quick, slow) or an endpoint (string@quick, slow@slow)");
    insta::assert_snapshot!(refused("--baseline quick --candidate quick"), @"error: --baseline and --candidate are both quick, expected two systems or two endpoints");
    insta::assert_snapshot!(refused("--baseline quick --candidate slow@slow"), @"error: --baseline and --candidate have to be two systems or two endpoints, expected a system (quick, slow) or an endpoint (string@quick, slow@slow)");
    let output = compare(&bench, "out --window 5");
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(stderr(&output), @"error: --window is `5`, expected a time from 1ms to 168h, such as 30s");
}

#[test]
fn each_function_of_each_system_is_compared_with_that_of_the_baseline() {
    let urls = [stub::start(), stub::start(), stub::start()].map(|address| format!("http://{address}"));
    let entry = |function: &str, system: usize| {
        let system_name = format!("system {system}");
        json!({"hostname": function, "endpoint_url": urls[system], "function": function, "system": system_name})
    };
    let entries: Vec<Value> = ["string", "object"]
        .iter()
        .flat_map(|function| (0..3).map(move |system| (function, system)))
        .map(|(function, system)| entry(function, system))
        .chain([entry("echo", 2)])
        .collect();
    let bench = run(&json!(entries), "");
    let comparison = comparison(&compare(&bench, "out --window 250ms --format json"));
    let compared = comparison.contrasts.iter().map(|it| format!("{} {}", it.function, it.candidate.label));
    let expected = ["string system 1", "object system 1", "string system 2", "object system 2"];
    assert_eq!(compared.collect::<Vec<_>>(), expected);
    assert!(comparison.contrasts.iter().all(|it| it.baseline.label == "system 0"));
    let alone = Note::NoPartner { endpoint: "echo@system 2".to_owned() };
    assert!(comparison.notes.contains(&alone), "{:?}", comparison.notes);
    assert!(comparison.notes.contains(&Note::FixedOrder), "{:?}", comparison.notes);
}

#[test]
fn what_is_too_little_or_unlike_is_told() {
    let mut endpoints = systems();
    endpoints[1]["payload"] = json!({"other": 1});
    let bench = run(&endpoints, "--unlike");
    let output = compare(&bench, "out");
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), ""));
    insta::assert_snapshot!(stderr(&output), @"error: out: the run has no complete window: its load lasted 2.5 s, and a window is 30 s; make the run longer, or use a shorter --window");
    let text = words(&compare(&bench, "out --window 500ms"));
    assert!(
        text.contains(
            "nothing is claimed about f on slow and on quick at p50 and p99 (response): there are 5"
        ),
        "{text}"
    );
    for format in ["text", "markdown"] {
        let output = compare(&bench, &format!("out --window 250ms --format {format}"));
        let text = words(&output);
        assert!(text.contains("note: not alike: f: unlike payload: string@quick has "), "{text}");
    }
    let csv = compare(&bench, "out --window 250ms --format csv");
    assert!(stdout(&csv).lines().skip(1).all(|line| line.split(',').nth(1) == Some("true")), "unlike");
    // Callers that wait for answers hide how slow the slow ones are.
    let mut accepted = systems();
    accepted.as_array_mut().unwrap().iter_mut().for_each(|entry| entry["eventing"] = json!(true));
    fs::write(bench.path("endpoints.json"), accepted.to_string()).unwrap();
    let line = "-concurrency 4 -time 1 --out closed --no-preflight";
    assert_complete(&bench.bare_command(line).output().unwrap());
    let text = words(&compare(&bench, "closed --window 100ms"));
    assert!(text.contains("note: callers waited for answers (closed loop), "), "{text}");
    assert!(!text.contains("warning of closed: callers"), "once is enough: {text}");
    assert!(text.contains("warning of closed: string@quick"), "the warnings of a run are shown: {text}");
    // Of one system, only endpoints can be compared.
    fs::write(bench.path("endpoints.json"), r#"[{"hostname": "string"}, {"hostname": "object"}]"#).unwrap();
    assert_complete(&bench.command("-rps 40 -time 1 --out single").output().unwrap());
    let output = compare(&bench, "single --window 100ms");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("there is one system, "), "{}", stderr(&output));
}

#[test]
fn of_a_damaged_run_what_is_missing_is_said() {
    let bench = run(&systems(), "");
    let samples = bench.read("out/samples.csv");
    let lines: Vec<&str> = samples.lines().collect();
    fs::write(bench.path("out/samples.csv"), lines[..lines.len() - 40].join("\n")).unwrap();
    let output = compare(&bench, "out --window 250ms --format json");
    let comparison = comparison(&output);
    assert_eq!((output.status.code(), comparison.valid), (Some(4), false));
    assert!(
        comparison.reasons.iter().any(|reason| reason.contains(" are missing")),
        "{:?}",
        comparison.reasons
    );
    assert!(!comparison.runs[0].missing.is_empty());
    let text = compare(&bench, "out --window 250ms");
    assert!(stdout(&text).starts_with("verdict: invalid\ninvalid: "), "{}", stdout(&text));
    assert!(stdout(&text).contains("\nmissing of out: "), "{}", stdout(&text));
}

#[test]
fn separate_runs_have_no_intervals() {
    let bench = run(&systems(), "");
    assert_complete(&bench.bare_command("-rps 80 -time 2.5 --out again --no-preflight").output().unwrap());
    let output = compare(&bench, "out again --window 250ms --format json --candidate again");
    assert_eq!(output.status.code(), Some(2), "systems are told apart by the folders of their runs");
    let output = compare(&bench, "out again --window 250ms --format json");
    let comparison = comparison(&output);
    assert_eq!((output.status.code(), comparison.valid, comparison.intervals), (Some(4), false, 0));
    assert_eq!(comparison.design, Design::SeparateRuns);
    assert!(comparison.reasons[0].starts_with("the runs are separate"), "{:?}", comparison.reasons);
}

/// Interleaved runs of one system each: the runs of a pair share their window.
#[test]
fn the_runs_of_an_experiment_are_joined() {
    let systems = systems();
    let bench = Bench::new("[]");
    let mut runs = Vec::new();
    for pair in 0..2 {
        // The order within a pair is random: here, the one that is compared with the baseline comes first.
        for at in [1, 0] {
            let system = systems[at]["system"].as_str().unwrap().to_owned();
            let folder = format!("runs/{pair}-{system}");
            fs::write(bench.path("endpoints.json"), json!([systems[at]]).to_string()).unwrap();
            let line = format!("-rps 40 -time 0.5 --out experiment/{folder} --preflight --unlike");
            assert_complete(&bench.bare_command(&line).output().unwrap());
            let windows = Some(1);
            runs.push(Run {
                folder,
                system: Some(system),
                pair: Some(pair),
                windows,
                state: RunState::Complete,
            });
        }
    }
    runs[0].state = RunState::Discarded;
    runs[1].state = RunState::Unfinished;
    runs[1].windows = None;
    let experiment = Experiment {
        schema: experiment::SCHEMA,
        name: None,
        mode: Mode::Interleaved,
        window_s: 0.5,
        pairs: 2,
        margin: 0.1,
        seed: 0,
        ends_by_width: true,
        a_a: false,
        plan_sha256: String::new(),
        systems: vec!["quick".to_owned(), "slow".to_owned()],
        runs,
        false_differences: None,
    };
    let file = bench.path("experiment").join(EXPERIMENT_JSON);
    fs::write(file, json_file::write(&experiment).unwrap()).unwrap();
    let output = compare(&bench, "experiment --format json");
    let comparison = comparison(&output);
    assert_eq!((comparison.design, comparison.runs.len()), (Design::Interleaved, 2));
    assert!(comparison.notes.contains(&Note::EndsByWidth), "{:?}", comparison.notes);
    assert!((comparison.margin - 0.1).abs() < 1e-9);
    let contrast = &comparison.contrasts[0];
    assert_eq!((contrast.baseline.label.as_str(), contrast.candidate.label.as_str()), ("quick", "slow"));
    assert_eq!((contrast.windows, contrast.baseline.requests, contrast.candidate.requests), (1, 20, 20));
    let is_left_out = |note: &&Note| matches!(note, Note::RunLeftOut { .. });
    assert_eq!(comparison.notes.iter().filter(is_left_out).count(), 1, "{:?}", comparison.notes);
    the_page_of_an_experiment_has_its_comparison_and_its_runs(&bench);
    for (line, part) in
        [("experiment --window 1s", "leave it out"), ("experiment experiment/runs/1-slow", "compared alone")]
    {
        let output = compare(&bench, line);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(part), "{}", stderr(&output));
    }
}

fn the_page_of_an_experiment_has_its_comparison_and_its_runs(bench: &Bench) {
    let report = |line: &str| bench.bare_command(&format!("report {line}")).output().unwrap();
    let output = report("experiment --html page.html");
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
    assert!(stdout(&output).contains("2 runs interleaved in pairs"), "{}", stdout(&output));
    let page = bench.read("page.html");
    for part in [
        "<h1>Experiment experiment</h1>",
        "in pairs of windows, in random order within a pair",
        "The run in experiment/runs/1-quick",
        "The run in experiment/runs/1-slow",
    ] {
        assert!(page.contains(part), "{part} is not in the page");
    }
    assert!(!page.contains("The run in experiment/runs/0-slow"));
    let output = report("experiment experiment/runs/1-slow");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("an experiment is reported alone"), "{}", stderr(&output));
}
