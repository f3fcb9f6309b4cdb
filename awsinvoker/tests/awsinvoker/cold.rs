//! `--cold-every-call`: one call at a time, each of which meets a fresh environment, on the real platforms of this machine.

use std::collections::BTreeSet;
use std::process::Output;

use run_record::restarts::RestartWay;
use run_record::run_info::{ColdAfter, ColdInfo, LoadKind};
use run_record::{Outcome, Start};
use rustix::process::Signal;
use serde_json::json;

use crate::support::lambda_local::Server;
use crate::support::{Bench, assert_complete, end_by, program, stderr, stdout};

fn run(bench: &Bench, line: &str) -> Output {
    bench.bare_command(&format!("--out out --cold-every-call {line}")).output().unwrap()
}

#[test]
fn each_call_meets_an_environment_of_its_own_on_both_platforms() {
    ["awsinvoker", "lambda-local", "chameleon"].into_iter().for_each(|name| _ = program(name));
    let bench = Bench::new(
        r#"[{"hostname": "chameleon", "label": "lambda", "payload": {"num_of_rows": 2, "num_of_cols": 2}},
            {"hostname": "chameleon", "label": "grpc", "protocol": "greeter",
             "payload": {"num_of_rows": 2, "num_of_cols": 2}}]"#,
    );
    let output = run(&bench, "--local --calls 3");
    assert_complete(&output);
    let samples = bench.samples();
    let endpoints: Vec<_> = samples.iter().map(|sample| sample.arrival.endpoint).collect();
    assert_eq!(endpoints, [0, 1, 0, 1, 0, 1], "{}", stderr(&output));
    assert!(samples.iter().all(|sample| sample.reply.outcome == Outcome::Ok), "{samples:?}");
    let environments: BTreeSet<_> = samples.iter().map(|it| it.reply.environment.clone().unwrap()).collect();
    assert_eq!(environments.len(), 6, "{samples:?}");
    // A Lambda starts the environment for the call. An instance is there before, but may be too young to tell.
    let on_lambda = samples.iter().filter(|sample| sample.arrival.endpoint == 0);
    assert!(
        on_lambda.clone().count() == 3 && on_lambda.clone().all(|it| it.start() == Start::Cold),
        "{samples:?}"
    );
    for pair in samples.windows(2) {
        assert!(pair[1].arrival.intended_ns >= pair[0].timing.unwrap().done_ns, "one call at a time");
    }
    let info = bench.run_dir().read_info().unwrap();
    let expected = ColdInfo { after: ColdAfter::Update, idle_s: None, calls_per_endpoint: Some(3) };
    assert_eq!((info.configuration.load, info.configuration.cold), (LoadKind::Cold, Some(expected)));
    let restarts = info.end.unwrap().restarts;
    let ways: Vec<_> = restarts.iter().map(|it| (it.way, it.due, it.failed, it.late)).collect();
    assert_eq!(ways, [(RestartWay::UpdateConfiguration, 3, 0, 0), (RestartWay::NewInstances, 3, 0, 0)]);
    assert_eq!(bench.summary()["warnings"][0]["kind"], "closed_loop");
    let warned = bench.summary()["warnings"].to_string();
    assert!(!warned.contains("not_cold"), "{warned}");
    let first = stdout(&output).lines().next().unwrap();
    assert!(
        first.starts_with("cold calls one after the other, each after an update, 3 of each endpoint to "),
        "{first}"
    );
}

#[test]
fn a_signal_ends_the_calls_and_the_function_has_its_configuration_again() {
    let server = Server::start(&[]);
    let bench = Bench::new(r#"[{"hostname": "chameleon"}]"#);
    let line = format!("--out out --cold-every-call --endpoint-url http://{}", server.authority);
    let output = end_by(&bench, bench.bare_command(&format!("{line} --time 60")), &[Signal::INT]);
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(bench.samples().iter().all(|sample| sample.start() == Start::Cold));
    assert_eq!(server.variables(), json!({"OWN": "1"}));
}

#[test]
fn a_function_that_is_left_alone_is_cold_if_its_platform_takes_the_environment_away() {
    let server = Server::start(&["--idle-timeout", "1"]);
    // Two payloads of one function share its environments.
    let bench = Bench::new(r#"[{"hostname": "chameleon"}, {"hostname": "chameleon", "payload": {}}]"#);
    let output = run(&bench, &format!("--idle 2 --calls 1 --endpoint-url http://{}", server.authority));
    assert_complete(&output);
    let samples = bench.samples();
    assert_eq!(samples.len(), 2);
    assert!(samples.iter().all(|sample| sample.start() == Start::Cold), "{samples:?}");
    let rested_ns = samples[1].arrival.intended_ns - samples[0].timing.unwrap().done_ns;
    assert!(samples[0].arrival.intended_ns >= 2_000_000_000 && rested_ns >= 2_000_000_000, "{samples:?}");
    let info = bench.run_dir().read_info().unwrap();
    let expected = ColdInfo { after: ColdAfter::Idle, idle_s: Some(2.0), calls_per_endpoint: Some(1) };
    assert_eq!(info.configuration.cold, Some(expected));
    assert_eq!(info.end.unwrap().restarts, []);
    assert_eq!(server.variables(), json!({"OWN": "1"}), "it was not updated");
}

#[test]
fn a_restart_that_fails_has_no_call_and_makes_the_run_invalid() {
    let port = crate::support::functions::start().port();
    let entry = json!([{"hostname": "127.0.0.1", "port": port, "protocol": "greeter", "payload": "x", "function": "f",
                        "restart": {"command": ["sh", "-c", "mkdir once"]}}]);
    let bench = Bench::new(&entry.to_string());
    let output = run(&bench, "--time 2");
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    assert_eq!(bench.samples().len(), 1);
    let restarts = bench.run_dir().read_info().unwrap().end.unwrap().restarts;
    assert!(restarts[0].due > 1 && restarts[0].failed == restarts[0].due - 1, "{restarts:?}");
    assert!(restarts[0].cause().unwrap().contains("once"), "{restarts:?}");
}

#[test]
fn what_is_never_cold_is_refused() {
    let bench = Bench::new(r#"[{"hostname": "f", "protocol": "greeter", "payload": "x"}]"#);
    let output = run(&bench, "--local --idle 1");
    assert_eq!(output.status.code(), Some(2));
    let expected = "entry 0: it is a function behind gRPC that --local starts, expected another for --idle";
    let said = stderr(&output);
    assert!(said.contains(expected), "{said}");
}
