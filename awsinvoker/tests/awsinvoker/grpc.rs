//! The client for gRPC, against functions that another library serves.

use std::net::SocketAddr;
use std::time::Duration;

use awsinvoker::platform::grpc::{Config, Grpc, GrpcEndpoint, Service};
use awsinvoker::platform::{Answer as _, Call as _, SocketTimes};
use run_record::{Outcome, Reply};
use serde_json::{Value, json};

use crate::support::tls::{certificate, start_tls, start_tls_for};
use crate::support::{Bench, assert_complete, functions, stderr};

pub(crate) const CONFIG: Config =
    Config { timeout: Duration::from_secs(60), pooled: true, warm_connections: 0, ca_bundle: None };

/// A greeter on this machine that is sent this payload.
pub(crate) fn greeter(port: u16, payload: &str) -> GrpcEndpoint {
    let hostname = "127.0.0.1".to_owned();
    GrpcEndpoint {
        hostname,
        port,
        tls: false,
        service: Service::Greeter,
        payload: payload.to_owned(),
        template: None,
    }
}

/// What comes of a call.
pub(crate) async fn call(grpc: &Grpc, endpoint: usize) -> (Reply, SocketTimes) {
    let answer = grpc.call(endpoint, 0).await;
    let times = answer.socket_times();
    (answer.read(), times)
}

/// Whether a connection was made for the call.
pub(crate) fn is_fresh(times: SocketTimes) -> bool {
    times.connection.unwrap().handshake.is_some()
}

async fn connect(address: SocketAddr, payloads: &[&str], config: &Config) -> Grpc {
    let endpoints: Vec<_> = payloads.iter().map(|payload| greeter(address.port(), payload)).collect();
    Grpc::connect(config, &endpoints).await.unwrap()
}

/// The outcome of one call with this payload, with its cause.
async fn outcome(address: SocketAddr, payload: &str, config: &Config) -> (Outcome, String) {
    let grpc = connect(address, &[payload], config).await;
    let reply = call(&grpc, 0).await.0;
    (reply.outcome, reply.cause.map(|cause| cause.to_string()).unwrap_or_default())
}

#[tokio::test]
async fn names_events_and_executors_are_answered_on_one_connection() {
    let address = functions::start();
    let executor = GrpcEndpoint {
        service: Service::Executor,
        ..greeter(address.port(), r#"{"runtime_ms": 3, "memory_mib": 2}"#)
    };
    let endpoints =
        [greeter(address.port(), r#""record""#), greeter(address.port(), r#"{"num_of_rows": 1}"#), executor];
    let grpc = Grpc::connect(&CONFIG, &endpoints).await.unwrap();
    for (endpoint, latency, bytes) in [(0, None, 21), (1, Some(0.25), 37), (2, Some(0.003), 11)] {
        let (reply, times) = call(&grpc, endpoint).await;
        assert_eq!((reply.outcome, &reply.cause), (Outcome::Ok, &None));
        assert_eq!((reply.function_latency_s, reply.answer_bytes), (latency, Some(bytes)), "{endpoint}");
        assert_eq!((reply.cold, reply.environment), (None, None), "it tells nothing");
        assert_eq!(is_fresh(times), endpoint == 0);
        let moments =
            [Some(times.connection.unwrap().ready), times.written, times.first_byte, times.last_byte];
        assert!(moments.is_sorted() && moments.iter().all(Option::is_some), "{times:?}");
    }
}

#[tokio::test]
async fn connections_are_made_before_the_start_or_for_each_call_if_that_is_asked_for() {
    let address = functions::start();
    let grpc = connect(address, &["\"x\""], &Config { warm_connections: 3, ..CONFIG }).await;
    assert!(!is_fresh(call(&grpc, 0).await.1));
    let grpc = connect(address, &["\"x\""], &Config { pooled: false, ..CONFIG }).await;
    for _ in 0..2 {
        assert!(is_fresh(call(&grpc, 0).await.1));
    }
}

#[tokio::test]
async fn every_status_is_told_with_its_message() {
    let address = functions::start();
    let payloads: Vec<String> = (1..=16).map(|code| format!("\"status {code}\"")).collect();
    let payloads: Vec<&str> = payloads.iter().map(String::as_str).collect();
    let grpc = connect(address, &payloads, &CONFIG).await;
    for code in 0..payloads.len() {
        let (reply, times) = call(&grpc, code).await;
        let cause = reply.cause.unwrap();
        assert_ne!(reply.outcome, Outcome::Ok);
        assert_eq!((cause.status, cause.message.as_str()), (Some(200), "café 100%"), "{code}");
        assert_eq!(is_fresh(times), code == 0, "a failed call leaves a connection that can be used");
    }
    let (outcome, cause) = outcome(address, "\"error MemoryError\"", &CONFIG).await;
    assert_eq!(
        (outcome, cause.as_str()),
        (Outcome::FunctionError, "HTTP 200, INTERNAL (MemoryError): MemoryError: it failed")
    );
}

#[tokio::test]
async fn a_call_that_takes_too_long_is_cut_off() {
    let address = functions::start();
    let config = Config { timeout: Duration::from_millis(300), ..CONFIG };
    let (outcome, _) = outcome(address, "\"delay 60000\"", &config).await;
    assert_eq!(outcome, Outcome::Timeout);
}

#[tokio::test]
async fn large_messages_come_through_and_larger_ones_are_refused() {
    let address = functions::start();
    let event = format!(r#"{{"text": "{}"}}"#, "x".repeat(6 << 20));
    let grpc = connect(address, &[&event, "\"big 6291456\"", "\"big 9000000\"", "\"x\""], &CONFIG).await;
    let (reply, times) = call(&grpc, 0).await;
    assert_eq!((reply.outcome, reply.function_latency_s), (Outcome::Ok, Some(0.25)));
    assert!(times.written.is_some() && times.written <= times.first_byte);
    let (reply, times) = call(&grpc, 1).await;
    assert_eq!((reply.outcome, is_fresh(times)), (Outcome::Ok, false));
    assert!(reply.answer_bytes.unwrap() > 6 << 20);
    let (reply, _) = call(&grpc, 2).await;
    assert_eq!(reply.outcome, Outcome::ServiceError);
    let cause = reply.cause.unwrap().to_string();
    assert_eq!(cause, "the answer has more than 8388608 bytes, which is more than functions send");
    assert!(is_fresh(call(&grpc, 3).await.1), "the rest of such an answer delays nobody");
}

#[tokio::test]
async fn a_server_behind_tls_has_to_speak_http_2() {
    let address = functions::start();
    let tls = |port: u16| GrpcEndpoint { tls: true, ..greeter(port, "\"x\"") };
    let config = Config { ca_bundle: Some(certificate()), ..CONFIG };
    let grpc = Grpc::connect(&config, &[tls(start_tls_for(address, &["h2"]))]).await.unwrap();
    let (reply, times) = call(&grpc, 0).await;
    assert_eq!((reply.outcome, &reply.cause), (Outcome::Ok, &None));
    assert!(times.connection.unwrap().handshake.unwrap().tls_ns > 0);
    assert!(!is_fresh(call(&grpc, 0).await.1));
    let grpc = Grpc::connect(&config, &[tls(start_tls(address))]).await.unwrap();
    let reply = call(&grpc, 0).await.0;
    assert_eq!(reply.outcome, Outcome::Transport);
    let cause = reply.cause.unwrap().to_string();
    assert!(cause.ends_with("it did not choose `h2` when TLS began"), "{cause}");
}

#[tokio::test]
async fn a_server_that_expects_tls_may_be_one() {
    let port = start_tls_for(functions::start(), &["h2"]);
    let (outcome, cause) = outcome(([127, 0, 0, 1], port).into(), "\"x\"", &CONFIG).await;
    let hint = ": the server may expect TLS (`\"tls\": true` in its entry), or have ended the connection";
    assert!(outcome == Outcome::Transport && cause.ends_with(hint), "{outcome:?}: {cause}");
}

#[tokio::test]
async fn what_cannot_be_called_is_told_at_the_start() {
    let refused = async |endpoints: &[GrpcEndpoint], config: &Config| {
        Grpc::connect(config, endpoints).await.unwrap_err().to_string()
    };
    let error = refused(&[], &CONFIG).await;
    assert_eq!(error, "there is nothing to call: the list of endpoints is empty");
    let error = refused(&[greeter(80, "3")], &CONFIG).await;
    assert!(error.starts_with("127.0.0.1: no call can be made: `payload` is `3`, expected "), "{error}");
    let error = refused(&[greeter(80, "\"x\""), greeter(81, "\"x\"")], &CONFIG).await;
    let said = "it is at http://127.0.0.1:81, expected http://127.0.0.1, as all endpoints of one client";
    assert_eq!(error, format!("127.0.0.1: no call can be made: {said}"));
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = refused(&[greeter(closed, "\"x\"")], &Config { warm_connections: 1, ..CONFIG }).await;
    assert!(error.starts_with("--warm-connections: http://127.0.0.1:"), "{error}");
}

#[test]
fn both_platforms_are_called_in_one_run() {
    let bench = Bench::new("");
    let port = functions::start().port();
    let endpoints = json!([
        {"hostname": "string"},
        {"hostname": "127.0.0.1", "protocol": "greeter", "port": port, "label": "event", "function": "string"},
        {"hostname": "127.0.0.1", "port": port, "payload": "status 8", "label": "throttled", "system": "knative"},
        {"hostname": "127.0.0.1", "matchers": {}, "label": "vswarm"},
        {"hostname": "localhost", "protocol": "executor", "payload": {"runtime_ms": 2, "memory_mib": 1}},
    ]);
    std::fs::write(bench.path("endpoints.json"), endpoints.to_string()).unwrap();
    let line = format!(
        "-rps 50 -time 1 --no-preflight --unlike -port {port} --out out --endpoint-url {}",
        bench.url()
    );
    let output = bench.bare_command(&line).output().unwrap();
    assert_complete(&output);
    let summary = bench.summary();
    let ended: Vec<_> = summary["endpoints"].as_array().unwrap().iter().map(|it| &it["outcomes"]).collect();
    for (index, outcome) in ["ok", "ok", "throttled", "ok", "ok"].into_iter().enumerate() {
        assert_eq!(ended[index][outcome], 10, "{index}: {}", ended[index]);
    }
    let p50 = |index: usize| summary["endpoints"][index]["views"]["function"]["p50"].clone();
    assert_eq!([p50(1), p50(3), p50(4)].map(|it| it.is_null()), [false, true, false]);
    let run: Value = serde_json::from_str(&bench.read("out/run.json")).unwrap();
    let configuration = &run["configuration"];
    let target = |index: usize| &configuration["targets"][index];
    assert_eq!([target(0), target(1)].map(|it| &it["platform"]), ["lambda", "grpc"]);
    assert_eq!(target(1)["address"], format!("http://127.0.0.1:{port}"));
    assert_eq!(target(1)["connection"]["http"], "2");
    let told: Vec<_> = configuration["endpoints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| json!([it["target"], it["protocol"], it["function"], it["system"]]))
        .collect();
    assert_eq!(
        told[1..],
        [
            json!([1, "greeter", "string", format!("127.0.0.1:{port}")]),
            json!([1, "greeter", "127.0.0.1", "knative"]),
            json!([1, "greeter", "127.0.0.1", "grpc"]),
            json!([2, "executor", "localhost", "grpc"]),
        ]
    );
    assert_eq!(configuration["endpoints"][3]["payload"], "Invoke relay");
}

#[test]
fn a_grpc_server_that_is_called_as_a_lambda_is_named() {
    let bench = Bench::new(r#"[{"hostname": "string"}]"#);
    let url = format!("http://{}", functions::start());
    let output = bench.bare_command(&format!("-rps 2 -time 1 --endpoint-url {url}")).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let log = stderr(&output);
    for line in [
        "GetFunctionConfiguration: no answer in HTTP/1.1 came back (",
        "transport, request 0 (unknown): no answer in",
    ] {
        assert!(log.contains(line), "{line} is not in {log}");
    }
    let hint = "); if the server is a gRPC server, its entry needs `\"protocol\": \"greeter\"`";
    assert!(log.matches(hint).count() >= 2 && !log.contains("Hyper"), "{log}");
}

#[test]
fn flags_for_lambda_functions_need_one() {
    let bench = Bench::new(r#"[{"hostname": "f.example"}]"#);
    for (flag, value) in
        [("--endpoint-url", "http://127.0.0.1:1"), ("--region", "eu-west-1"), ("--profile", "p")]
    {
        let output = bench.bare_command(&format!("{flag} {value}")).output().unwrap();
        let expected =
            format!("{flag} is `{value}`, expected an entry for a Lambda function in the endpoints file");
        assert_eq!(output.status.code(), Some(2), "{flag}");
        assert!(stderr(&output).contains(&expected), "{}", stderr(&output));
    }
}

#[test]
fn what_is_wrong_with_an_entry_is_named() {
    let bench = Bench::new(r#"[{"hostname": "string"}, {"hostname": "f.example", "payload": 3}]"#);
    let output = bench.bare_command("-rps 1 -time 1").output().unwrap();
    assert!(!output.status.success());
    let expected = "entry 1: `payload` is `3`, expected a JSON string, which is the name, or a JSON object, which is an event";
    assert!(stderr(&output).contains(expected), "{}", stderr(&output));
}
