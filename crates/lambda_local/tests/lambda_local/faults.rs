//! What a client sees when the function misbehaves, and that the next request is served all the same.

use std::time::Duration;

use crate::support::{Kind, Server, ended, eventually, invoke, lines, payload, test_function};
use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::RequestId;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{InvocationType, LogType};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lambda_local::{Config, FunctionConfig, Program};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

on_both!(
    an_exit_is_reported_and_the_next_request_gets_a_new_environment,
    a_function_that_hangs_is_killed_and_replaced,
    an_error_of_the_handler_is_passed_on_and_the_environment_goes_on,
    an_answer_is_at_most_as_large_as_lambda_delivers,
    a_function_that_exits_at_init_is_tried_again_and_then_reported,
    a_function_that_never_asks_for_an_event_times_out,
    misuse_of_the_runtime_api_is_refused_and_loses_nothing,
);

/// A server whose functions time out after a second.
async fn server(function: FunctionConfig) -> (Server, Client) {
    let function = FunctionConfig { timeout: Duration::from_secs(1), ..function };
    let config = Config { init_timeout: Duration::from_millis(500), ..Config::new(vec![function]) };
    let server = Server::start(config).await;
    let client = server.client();
    (server, client)
}

/// Invokes a function that must fail. Returns its error, with `ID` in place of the request's id, and its log.
async fn failure(client: &Client, function: &str, event: Value) -> (Value, String) {
    let call =
        client.invoke().function_name(function).log_type(LogType::Tail).payload(Blob::new(event.to_string()));
    let output = call.send().await.unwrap();
    assert_eq!(output.status_code(), 200);
    assert_eq!(output.function_error(), Some("Unhandled"));
    let log = String::from_utf8(BASE64_STANDARD.decode(output.log_result().unwrap()).unwrap()).unwrap();
    let text = payload(&output).to_string().replace(output.request_id().unwrap(), "ID");
    (serde_json::from_str(&text).unwrap(), log)
}

fn lambda_error(error_type: &str, message: &str) -> Value {
    json!({ "errorType": error_type, "errorMessage": message })
}

async fn an_exit_is_reported_and_the_next_request_gets_a_new_environment(kind: Kind) {
    let (server, client) = server(kind.test_function()).await;
    for (event, message) in [
        (
            json!({ "do": "exit", "code": 127 }),
            "RequestId: ID Error: Runtime exited with error: exit status 127",
        ),
        (
            json!({ "do": "exit", "code": 0 }),
            "RequestId: ID Error: Runtime exited without providing a reason",
        ),
        (json!({ "do": "abort" }), "RequestId: ID Error: Runtime exited with error: signal: aborted"),
    ] {
        let (error, log) = failure(&client, "test", event).await;
        assert_eq!(error, lambda_error("Runtime.ExitError", message));
        assert!(log.ends_with("\tStatus: error\tError Type: Runtime.ExitError\t\n"), "{log}");
        let next = payload(&invoke(&client, "test", json!({})).await);
        assert_eq!(next["invocations"], 1);
    }
    server.stop().await;
}

async fn a_function_that_hangs_is_killed_and_replaced(kind: Kind) {
    let (server, client) = server(kind.test_function()).await;
    let first = payload(&invoke(&client, "test", json!({})).await);
    let (error, log) = failure(&client, "test", json!({ "do": "hang" })).await;
    assert_eq!(
        error,
        lambda_error("Sandbox.Timedout", "RequestId: ID Error: Task timed out after 1.00 seconds")
    );
    assert!(log.ends_with("\tStatus: timeout\t\n"), "{log}");
    assert!(log.contains("\tDuration: 1000.00 ms\t"), "{log}");
    if kind == Kind::Process {
        ended(first["pid"].as_u64().unwrap()).await;
    }
    let next = payload(&invoke(&client, "test", json!({})).await);
    assert_ne!(next["environment"], first["environment"]);
    server.stop().await;
}

async fn an_error_of_the_handler_is_passed_on_and_the_environment_goes_on(kind: Kind) {
    let (server, client) = server(kind.test_function()).await;
    let before = payload(&invoke(&client, "test", json!({})).await);
    let (error, _) = failure(&client, "test", json!({ "do": "fail" })).await;
    assert_eq!(error["errorMessage"], "as the event asked");
    let after = payload(&invoke(&client, "test", json!({})).await);
    assert_eq!((&after["environment"], &after["invocations"]), (&before["environment"], &json!(3)));
    server.stop().await;
}

async fn an_answer_is_at_most_as_large_as_lambda_delivers(kind: Kind) {
    // With more than a second for it: six megabytes take their time on a busy machine.
    let server = Server::start(Config::new(vec![kind.test_function()])).await;
    let client = server.client();
    let largest = invoke(&client, "test", json!({ "do": "large", "bytes": 6_291_554 })).await;
    assert_eq!(largest.payload().unwrap().as_ref().len(), 6_291_556);
    let (error, _) = failure(&client, "test", json!({ "do": "large", "bytes": 6_291_555 })).await;
    let message = "Response payload size exceeded maximum allowed payload size (6291556 bytes).";
    assert_eq!(error, lambda_error("Function.ResponseSizeTooLarge", message));
    server.stop().await;
}

/// The text between the last `after` and the last `before` in front of it.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let text = text.rsplit_once(after).unwrap().0;
    text.rsplit_once(before).unwrap().1
}

fn with_init(kind: Kind, init: &str) -> FunctionConfig {
    FunctionConfig { environment: vec![("INIT".to_owned(), init.to_owned())], ..kind.test_function() }
}

async fn a_function_that_exits_at_init_is_tried_again_and_then_reported(kind: Kind) {
    let (server, client) = server(with_init(kind, "exit")).await;
    for _ in 0..2 {
        let (error, log) = failure(&client, "test", json!({})).await;
        let message = "RequestId: ID Error: Runtime exited with error: exit status 9";
        assert_eq!(error, lambda_error("Runtime.ExitError", message));
        assert_eq!(log.matches("initialising\nINIT_REPORT Init Duration: ").count(), 2, "{log}");
        assert!(
            log.contains("\tPhase: init\tStatus: error\tError Type: Runtime.ExitError\t\nSTART "),
            "{log}"
        );
        assert!(log.contains("\tPhase: invoke\tStatus: error\tError Type: Runtime.ExitError\t\n"), "{log}");
    }
    server.stop().await;
}

async fn a_function_that_never_asks_for_an_event_times_out(kind: Kind) {
    let (server, client) = server(with_init(kind, "hang")).await;
    let (error, log) = failure(&client, "test", json!({})).await;
    assert_eq!(
        error,
        lambda_error("Sandbox.Timedout", "RequestId: ID Error: Task timed out after 1.00 seconds")
    );
    assert!(log.contains("\tPhase: init\tStatus: timeout\t\nSTART "), "{log}");
    // The invocation lasted as long as the second initialisation: from the start of the process.
    let again = between(&log, "\nINIT_REPORT Init Duration: ", "\tPhase: invoke\t");
    assert_eq!(again, between(&log, "\tDuration: ", "\tBilled Duration: "), "{log}");
    server.stop().await;
}

#[tokio::test]
async fn an_init_that_fails_once_costs_the_first_request_time_but_not_its_answer() {
    let folder = tempfile::tempdir().unwrap();
    let marker = folder.path().join("tried").to_str().unwrap().to_owned();
    let mut function = with_init(Kind::Process, "first");
    function.environment.push(("MARKER".to_owned(), marker));
    let (server, client) = server(function).await;
    assert_eq!(payload(&invoke(&client, "test", json!({ "n": 1 })).await)["event"], json!({ "n": 1 }));
    server.stop().await;
}

#[tokio::test]
async fn an_init_error_is_passed_on_in_the_words_of_the_runtime() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("bootstrap");
    let report = r#"#!/bin/bash
body='{"errorType":"My.InitError","errorMessage":"no model"}'
exec 3<>"/dev/tcp/${AWS_LAMBDA_RUNTIME_API/://}"
printf 'POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: localhost\r\nLambda-Runtime-Function-Error-Type: My.Type\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s' \
    "${#body}" "$body" >&3
cat <&3 >/dev/null
exit 1
"#;
    std::fs::write(&script, report).unwrap();
    make_executable(&script);
    let (server, client) = server(FunctionConfig::new("test", Program::executable(script))).await;
    let (error, log) = failure(&client, "test", json!({})).await;
    assert_eq!(error, lambda_error("My.InitError", "no model"));
    assert!(log.contains("\tPhase: init\tStatus: error\tError Type: My.Type\t\n"), "{log}");
    server.stop().await;
}

fn make_executable(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn a_program_that_cannot_be_started_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("bootstrap");
    std::fs::write(&script, "#!/no/such/interpreter\n").unwrap();
    make_executable(&script);
    let (server, client) = server(FunctionConfig::new("test", Program::executable(script.clone()))).await;
    let (error, _) = failure(&client, "test", json!({})).await;
    let message = format!("RequestId: ID Error: fork/exec {}: no such file or directory", script.display());
    assert_eq!(error, lambda_error("Runtime.InvalidEntrypoint", &message));
    server.stop().await;
}

async fn misuse_of_the_runtime_api_is_refused_and_loses_nothing(kind: Kind) {
    let (server, client) = server(kind.raw_function()).await;
    let call = async |action: &str| {
        let output = invoke(&client, "raw", json!({ "do": action })).await;
        assert_eq!(output.function_error(), None, "{action}");
        String::from_utf8_lossy(output.payload().unwrap().as_ref()).into_owned()
    };
    for (action, expected) in [
        ("not_json", "<html>\u{fffd}"),
        ("noise", "\"after noise\""),
        ("wrong_id", "\"400\""),
        ("twice", "\"first\""),
        ("plain", "\"plain\""),
        ("next_instead", "\"403\""),
        ("page", "true"),
        ("half", "\"whole\""),
        ("linger", "\"lingering\""),
        ("plain", "\"plain\""),
        ("leave", "\"leaving\""),
        ("plain", "\"plain\""),
        ("vanish", "\"vanishing\""),
        ("plain", "\"plain\""),
    ] {
        assert_eq!(call(action).await, expected, "{action}");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_answer_counts_however_soon_the_program_exits_after_it() {
    let (server, client) = server(Kind::Process.raw_function()).await;
    for call in 0..100 {
        let output = invoke(&client, "raw", json!({ "do": "vanish" })).await;
        assert_eq!(output.function_error(), None, "call {call}: {}", payload(&output));
        assert_eq!(payload(&output), "vanishing");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_error_that_is_too_large_is_an_error_at_once() {
    // Without a time-out that could end it instead.
    let server = Server::start(Config::new(vec![Kind::Process.raw_function()])).await;
    let (error, _) = failure(&server.client(), "raw", json!({ "do": "large_error" })).await;
    let message = "Response payload size exceeded maximum allowed payload size (6291556 bytes).";
    assert_eq!(error, lambda_error("Function.ResponseSizeTooLarge", message));
    server.stop().await;
}

#[tokio::test]
async fn what_is_printed_after_the_answer_is_in_no_other_tail() {
    let (server, client) = server(Kind::Process.raw_function()).await;
    for call in 0..100 {
        let event = Blob::new(r#"{"do":"print_late"}"#);
        let output =
            client.invoke().function_name("raw").log_type(LogType::Tail).payload(event).send().await.unwrap();
        let log = BASE64_STANDARD.decode(output.log_result().unwrap()).unwrap();
        let log = String::from_utf8(log).unwrap();
        assert!(log.starts_with("START RequestId: "), "call {call}: {log}");
        let report = log.find("\nREPORT ").unwrap();
        assert!(log.find("printed late").is_none_or(|late| late < report), "call {call}: {log}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_leaves_half_way_does_not_disturb_the_others() {
    let (server, client) = server(test_function()).await;
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("record");
    // One leaves in the middle of its request, one while it waits for the answer.
    let mut half = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /2015-03-31/functions/test/invocations HTTP/1.1\r\nHost: localhost\r\nContent-Length: ";
    half.write_all(format!("{head}1000\r\n\r\n{{\"do\"").as_bytes()).await.unwrap();
    drop(half);
    let event = json!({ "do": "record", "path": record, "ms": 100 }).to_string();
    let mut waiting = TcpStream::connect(server.address).await.unwrap();
    waiting.write_all(format!("{head}{}\r\n\r\n{event}", event.len()).as_bytes()).await.unwrap();
    eventually(|| lines(&record) == 1).await;
    drop(waiting);
    for n in 0..20 {
        assert_eq!(payload(&invoke(&client, "test", json!(n)).await)["event"], n);
    }
    // The request of the client that left was served completely.
    eventually(|| lines(&record) == 2).await;
    server.stop().await;
}

#[tokio::test]
async fn a_failed_event_is_tried_again_twice() {
    let function = vec![test_function()];
    let config = Config { event_retries: vec![Duration::ZERO; 2], concurrency: 1, ..Config::new(function) };
    let server = Server::start(config).await;
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("record");
    let event = Blob::new(json!({ "do": "record", "path": record, "fail": true }).to_string());
    let call = server.client().invoke().function_name("test").invocation_type(InvocationType::Event);
    call.payload(event).send().await.unwrap();
    eventually(|| lines(&record) == 3).await;
    server.stop().await;
    assert_eq!(lines(&record), 3);
}

#[tokio::test]
async fn events_wait_until_there_is_room() {
    let server = Server::start(Config { concurrency: 1, ..Config::new(vec![test_function()]) }).await;
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("record");
    for _ in 0..10 {
        let event = Blob::new(json!({ "do": "record", "path": record }).to_string());
        let call = server.client().invoke().function_name("test").invocation_type(InvocationType::Event);
        call.payload(event).send().await.unwrap();
    }
    eventually(|| lines(&record) == 10).await;
    server.stop().await;
}
