//! What is called and compared before a run, and invitro's form of its results.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};

use run_record::Outcome;
use serde_json::{Value, json};

use crate::support::{Bench, assert_complete, functions, program, stderr, stdout, stub};

/// A run of these endpoints with these flags.
fn run(endpoints: &Value, flags: &str) -> (Bench, Output) {
    let bench = Bench::new(&endpoints.to_string());
    let output = bench.bare_command(&format!("-rps 20 -time 1 --out out {flags}")).output().unwrap();
    (bench, output)
}

/// Two functions of stub servers that are compared.
fn compared(first: &str, second: &str) -> Value {
    let [a, b] = [stub::start(), stub::start()].map(|address| format!("http://{address}"));
    json!([
        {"hostname": first, "endpoint_url": a, "function": "f", "system": "a"},
        {"hostname": second, "endpoint_url": b, "function": "f", "system": "b"},
    ])
}

fn preflights(bench: &Bench) -> Vec<Value> {
    let run: Value = serde_json::from_str(&bench.read("out/run.json")).unwrap();
    run["configuration"]["endpoints"].as_array().unwrap().iter().map(|it| it["preflight"].clone()).collect()
}

/// The kinds of the warnings about what is compared.
fn warnings(bench: &Bench) -> Vec<String> {
    let kinds = bench.summary()["warnings"].clone();
    let kinds = kinds.as_array().unwrap().iter().map(|it| it["kind"].as_str().unwrap().to_owned());
    kinds.filter(|kind| ["unlike", "preflight_failed", "no_preflight"].contains(&kind.as_str())).collect()
}

fn assert_refused(bench: &Bench, output: &Output) {
    assert_eq!(output.status.code(), Some(2), "{}", stderr(output));
    assert!(!bench.path("out").exists(), "nothing is left of a run that never was");
}

#[test]
fn equal_answers_in_unlike_forms_are_alike() {
    let (bench, output) = run(&compared("string", "object"), "");
    assert_complete(&output);
    let preflights = preflights(&bench);
    assert!(preflights[0]["answer_sha256"].is_string());
    assert_eq!(preflights[0]["answer_sha256"], preflights[1]["answer_sha256"]);
    assert_eq!((&preflights[0]["outcome"], &preflights[0]["memory_mb"]), (&json!("ok"), &json!(128)));
    assert_eq!((warnings(&bench), bench.samples().len()), (vec![], 20), "the calls before are not counted");
}

#[test]
fn unlike_answers_are_refused_unless_that_is_allowed() {
    let endpoints = compared("string", "no_latency");
    let (bench, output) = run(&endpoints, "");
    assert_refused(&bench, &output);
    let message = stderr(&output).split_once("error: ").unwrap().1;
    insta::assert_snapshot!(message, @"
    nothing was measured, because of what was found before the run:
      f: unlike answer (SHA-256 without its latency): string@a has 35fb4753e75eb55002b002419d3e5db2a5eccaaaf4214937a3834b535d8de6ee, no_latency@b has 44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a
    put it right, or use --unlike to measure all the same
    ");
    let (bench, output) = run(&endpoints, "--unlike");
    assert_complete(&output);
    assert_eq!(warnings(&bench), ["unlike"]);
    assert!(stdout(&output).contains("f: unlike answer"), "{}", stdout(&output));
    let report = bench.bare_command("report out").output().unwrap();
    assert!(stdout(&report).contains("f: unlike answer"), "{}", stdout(&report));
}

#[test]
fn unlike_payloads_are_refused_without_a_call_too() {
    let mut endpoints = compared("echo", "echo");
    endpoints[1]["payload"] = json!({"num_of_rows": 10, "num_of_cols": 15});
    let (bench, output) = run(&endpoints, "--no-preflight");
    assert_refused(&bench, &output);
    assert!(stderr(&output).contains("f: unlike payload: echo@a has "), "{}", stderr(&output));
    let (bench, output) = run(&endpoints, "--no-preflight --unlike");
    assert_complete(&output);
    assert_eq!(warnings(&bench), ["unlike", "no_preflight"]);
    assert_eq!(preflights(&bench), [Value::Null, Value::Null]);
}

#[test]
fn a_single_system_is_called_before_if_that_is_asked_for() {
    let endpoint =
        |name: &str| json!([{"hostname": name, "endpoint_url": format!("http://{}", stub::start())}]);
    let (bench, output) = run(&endpoint("object"), "");
    assert_complete(&output);
    assert_eq!((preflights(&bench), warnings(&bench)), (vec![Value::Null], vec![]));
    let (bench, output) = run(&endpoint("object"), "--preflight");
    assert_complete(&output);
    assert_eq!(preflights(&bench)[0]["answer_sha256"].as_str().unwrap().len(), 64);
    let (bench, output) = run(&endpoint("throttled"), "--preflight");
    assert_refused(&bench, &output);
    let expected = "the call of throttled@127.0.0.1:";
    assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    assert!(stderr(&output).contains("failed: throttled: HTTP 429, "), "{}", stderr(&output));
}

/// A function of this project behind gRPC.
struct Served {
    process: Child,
    port: u16,
}

impl Served {
    fn start(name: &str) -> Self {
        let mut command = Command::new(program(name));
        command.args(["--addr", "127.0.0.1:0"]).env_clear().stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim_end().rsplit(':').next().unwrap().parse().unwrap();
        Self { process, port }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[test]
fn a_function_answers_the_same_on_lambda_and_behind_grpc() {
    let served = Served::start("chameleon");
    let event = json!({"num_of_rows": 10, "num_of_cols": 15});
    let endpoints = json!([
        {"hostname": "chameleon", "payload": event},
        {"hostname": "127.0.0.1", "protocol": "greeter", "port": served.port, "payload": event, "function": "chameleon"},
    ]);
    let (bench, output) = run(&endpoints, "--local");
    assert_complete(&output);
    let preflights = preflights(&bench);
    assert!(preflights[0]["answer_sha256"].is_string());
    assert_eq!(preflights[0]["answer_sha256"], preflights[1]["answer_sha256"]);
    assert_eq!(warnings(&bench), Vec::<String>::new());
}

#[test]
fn readers_of_invitro_get_a_line_for_each_request() {
    let port = functions::start().port();
    let endpoints = json!([
        {"hostname": "string", "endpoint_url": format!("http://{}", stub::start())},
        {"hostname": "127.0.0.1", "protocol": "executor", "port": port, "payload": {"runtime_ms": 2, "memory_mib": 1}},
        {"hostname": "throttled", "endpoint_url": format!("http://{}", stub::start())},
    ]);
    let (bench, output) = run(&endpoints, "--format invitro -rps 30");
    assert_complete(&output);
    let rows = bench.run_dir().read_invitro().unwrap().records;
    let samples = bench.samples();
    assert_eq!((rows.len(), samples.len()), (30, 30));
    for sample in samples {
        let id = format!("min0.inv{}", sample.arrival.sequence);
        let row = rows.iter().find(|row| row.invocation_id == id).unwrap();
        let is_executor = sample.arrival.endpoint == 1;
        assert_eq!(row.requested_duration, if is_executor { 2000 } else { 0 });
        assert_eq!(row.actual_duration > 0, sample.reply.function_latency_s.is_some());
        assert_eq!(row.response_time, sample.service_ns().unwrap() / 1000);
        assert_eq!(row.function_timeout, sample.reply.outcome != Outcome::Ok);
    }
}
