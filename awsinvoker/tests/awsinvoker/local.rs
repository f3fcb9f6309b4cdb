//! The whole comparison on one machine: the real binary, the real local Lambda and the real functions.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use run_record::{Sample, Start};
use serde_json::{Value, json};

use crate::support::{Bench, assert_complete, stderr, stdout};

/// Both functions as in the demo, with a cold start each.
const ENDPOINTS: &str = r#"[
    {"hostname": "chameleon", "payload": {"num_of_rows": 10, "num_of_cols": 15}},
    {"hostname": "cnn_serving", "payload": {}},
    {"hostname": "chameleon", "payload": {"num_of_rows": 1000000000000}}
]"#;

fn run(bench: &Bench, line: &str) -> Output {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets");
    command(bench, line)
        .arg("--env")
        .arg(format!("CNN_SERVING_ASSETS={}", assets.display()))
        .output()
        .unwrap()
}

fn command(bench: &Bench, line: &str) -> Command {
    let executables = Path::new(env!("CARGO_BIN_EXE_awsinvoker")).parent().unwrap();
    for name in ["lambda-local", "chameleon", "cnn_serving"] {
        let path = executables.join(name);
        assert!(path.exists(), "{} is missing: run `cargo build --workspace --bins`", path.display());
    }
    bench.bare_command(&format!("--local --out out {line}"))
}

/// A single caller needs no second environment, so no call of the run is cold if the one for it is there.
#[test]
fn environments_are_ready_before_the_run_if_that_is_asked_for() {
    let bench = Bench::new(r#"[{"hostname": "chameleon"}]"#);
    let output = run(&bench, "--concurrency 1 --time 0.5 --prewarm 1");
    assert!(output.status.success(), "{}", stderr(&output));
    let prewarm = bench.run_dir().read_info().unwrap().configuration.prewarm.unwrap();
    assert_eq!((prewarm.calls_per_endpoint, prewarm.failed, prewarm.environments), (1, 0, Some(1)));
    assert_eq!(bench.summary()["endpoints"][0]["cold_starts"], json!(0));
}

#[test]
fn both_functions_on_the_local_lambda() {
    let bench = Bench::new(ENDPOINTS);
    let output = run(&bench, "--rps 30 --time 3");
    assert_complete(&output);

    let summary = bench.summary();
    assert_eq!((&summary["issued"], &summary["completed"]), (&json!(90), &json!(60)), "{}", stderr(&output));
    for (endpoint, name, outcome) in
        [(0, "chameleon", "ok"), (1, "cnn_serving", "ok"), (2, "chameleon#2", "function_error")]
    {
        let endpoint = &summary["endpoints"][endpoint];
        assert_eq!((&endpoint["name"], &endpoint["outcomes"][outcome]), (&json!(name), &json!(30)));
    }
    // A view contains the next: the answer was waited for at least as long as the function worked.
    let p50 = |view: &str| summary["endpoints"][1]["views"][view]["p50"].as_f64().unwrap();
    assert!(p50("response") >= p50("service") && p50("service") > p50("function"), "{summary}");
    assert!(summary["endpoints"][1]["cold_starts"].as_u64() >= Some(1));
    check_parts(&summary["endpoints"][1]["budget"]["warm"]);
    let samples = bench.samples();
    let mut cold = samples.iter().filter(|sample| sample.reply.cold == Some(true));
    assert!(cold.all(|sample| sample.reply.report.init_ns > Some(0)), "{samples:?}");
    assert!(samples.iter().all(|sample| sample.reply.report.age_ns.is_some()), "{samples:?}");
    // The first call of each function waited for an environment.
    for endpoint in 0..2 {
        let first = samples
            .iter()
            .filter(|sample| sample.arrival.endpoint == endpoint)
            .min_by_key(|it| it.arrival.sequence);
        assert_eq!(first.map(Sample::start), Some(Start::Cold), "{samples:?}");
    }
    // Each environment has a name, and was started once.
    let environments: BTreeSet<&str> =
        samples.iter().map(|sample| sample.reply.environment.as_deref().unwrap()).collect();
    let cold = samples.iter().filter(|sample| sample.reply.cold == Some(true)).count();
    assert_eq!(environments.len(), cold, "{environments:?}");
    assert!(samples.iter().all(|sample| sample.reply.report.billed_ns.is_some()), "{samples:?}");
    assert!(stderr(&output).contains("ResponseTooLarge"), "{}", stderr(&output));
    let run: Value = serde_json::from_str(&bench.read("out/run.json")).unwrap();
    assert!(run.to_string().contains("CNN_SERVING_ASSETS="), "what was set is on record: {run}");
    let function = &run["configuration"]["functions"][1];
    assert_eq!(
        (&function["name"], &function["kind"]),
        (&json!("cnn_serving"), &json!("process")),
        "{function}"
    );
    assert!(function["program"].as_str().unwrap().ends_with("/cnn_serving"), "{function}");
    assert_eq!((function["sha256"].as_str().unwrap().len(), &function["memory_mb"]), (64, &json!(512)));
    assert!(function["environment"][0].as_str().unwrap().starts_with("CNN_SERVING_ASSETS="), "{function}");
    assert_eq!(run["configuration"]["targets"][0]["local"]["version"], env!("CARGO_PKG_VERSION"));
}

/// The parts of the latency are known, and add up.
fn check_parts(budget: &Value) {
    let mean = |part: &str| budget["mean"][part].as_f64();
    let parts =
        ["lag", "connection", "network_and_platform", "overhead", "handler"].map(|part| mean(part).unwrap());
    assert!(parts.iter().all(|us| *us > 0.0), "{budget}");
    let (sum, response) = (parts.iter().sum::<f64>(), mean("response").unwrap());
    assert!((sum - response).abs() < response * 1e-9, "{budget}");
    assert_eq!(mean("init"), None);
}

#[test]
fn without_an_endpoints_file_it_calls_the_functions_of_this_project() {
    let bench = Bench::new("");
    std::fs::remove_file(bench.path("endpoints.json")).unwrap();
    let output = run(&bench, "--rps 10 --time 1");
    assert_complete(&output);
    let summary = bench.summary();
    for (endpoint, name) in [(0, "chameleon"), (1, "cnn_serving")] {
        let endpoint = &summary["endpoints"][endpoint];
        assert_eq!((&endpoint["name"], &endpoint["outcomes"]["ok"]), (&json!(name), &json!(5)));
    }
    let first = stdout(&output).lines().next().unwrap();
    let named = r#"; without an endpoints file, chameleon with {"num_of_rows": 10, "num_of_cols": 15} and cnn_serving with "#;
    assert!(first.contains(named), "{first}");
}

/// From `chameleon:latest` and `cnn_serving:latest`, which have to be there.
#[test]
#[ignore = "needs Docker"]
fn both_functions_from_their_images() {
    let bench = Bench::new(r#"[{"hostname": "chameleon"}, {"hostname": "cnn_serving", "payload": {}}]"#);
    let output = command(&bench, "--images --rps 10 --time 3").output().unwrap();
    assert_complete(&output);
    let (summary, run) = (bench.summary(), bench.read("out/run.json"));
    assert_eq!((&summary["issued"], &summary["completed"]), (&json!(30), &json!(30)), "{}", stderr(&output));
    let run: Value = serde_json::from_str(&run).unwrap();
    for (endpoint, name) in [(0, "chameleon"), (1, "cnn_serving")] {
        assert!(summary["endpoints"][endpoint]["cold_starts"].as_u64() >= Some(1));
        let function = &run["configuration"]["functions"][endpoint];
        assert_eq!(function["image"], format!("{name}:latest"));
        assert!(function["image_id"].as_str().unwrap().starts_with("sha256:"), "{function}");
    }
}
