//! What a client of a healthy function sees, through the AWS SDK.

use crate::support::{Kind, Server, eventually, invoke, lines, payload};
use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_lambda::operation::RequestId;
use aws_sdk_lambda::operation::invoke::{InvokeError, InvokeOutput};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{InvocationType, LogType};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lambda_local::{Config, FunctionConfig, Program};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:test";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:";

on_both!(
    the_event_goes_in_and_the_answer_comes_out,
    an_environment_is_reused_and_the_log_tells_cold_from_warm,
    the_measured_facts_are_real,
    a_function_finds_what_lambda_sets,
);

async fn server(kind: Kind) -> (Server, Client) {
    let server = Server::start(Config::new(vec![kind.test_function()])).await;
    let client = server.client();
    (server, client)
}

fn log(output: &InvokeOutput) -> String {
    String::from_utf8(BASE64_STANDARD.decode(output.log_result().unwrap()).unwrap()).unwrap()
}

fn status(error: &SdkError<InvokeError>) -> u16 {
    error.raw_response().unwrap().status().as_u16()
}

async fn the_event_goes_in_and_the_answer_comes_out(kind: Kind) {
    let (server, client) = server(kind).await;
    let output = invoke(&client, "test", json!({ "n": [1, "ä"] })).await;
    assert_eq!(payload(&output)["event"], json!({ "n": [1, "ä"] }));
    assert_eq!(output.status_code(), 200);
    assert_eq!(output.executed_version(), Some("$LATEST"));
    assert_eq!(output.function_error(), None);
    assert_eq!(output.log_result(), None);
    assert_eq!(output.request_id().unwrap().len(), 36);
    server.stop().await;
}

async fn an_environment_is_reused_and_the_log_tells_cold_from_warm(kind: Kind) {
    let (server, client) = server(kind).await;
    let call = || {
        let payload = Blob::new(r#"{"do":"print","text":"hello"}"#);
        client.invoke().function_name("test").log_type(LogType::Tail).payload(payload).send()
    };
    let (cold, warm) = (call().await.unwrap(), call().await.unwrap());
    assert_eq!(payload(&cold)["environment"], payload(&warm)["environment"]);

    let (cold_log, warm_log) = (log(&cold), log(&warm));
    let id = cold.request_id().unwrap();
    assert!(cold_log.starts_with("initialising\n"), "{cold_log}");
    let (_, invocation) = cold_log.split_once("initialising\n").unwrap();
    // What a container prints may come some milliseconds later, in the next log.
    assert!(kind == Kind::Container || invocation.contains("\nhello\n"), "{cold_log}");
    let invocation = invocation.replace("hello\n", "");
    let expected = format!(
        "START RequestId: {id} Version: $LATEST\nEND RequestId: {id}\nREPORT RequestId: {id}\tDuration: "
    );
    assert!(invocation.starts_with(&expected), "{cold_log}");
    assert!(invocation.contains(" MB\tMax Memory Used: "), "{cold_log}");
    assert!(invocation.contains(" MB\tInit Duration: ") && invocation.ends_with(" ms\t\n"), "{cold_log}");
    assert!(warm_log.contains("START ") && !warm_log.contains("Init Duration"), "{warm_log}");
    server.stop().await;
}

async fn the_measured_facts_are_real(kind: Kind) {
    let (server, client) = server(kind).await;
    let call = async |event: serde_json::Value| {
        let payload = Blob::new(event.to_string());
        log(&client
            .invoke()
            .function_name("test")
            .log_type(LogType::Tail)
            .payload(payload)
            .send()
            .await
            .unwrap())
    };
    let field = |log: &str, name: &str| -> f64 {
        let (_, rest) = log.split_once(&format!("\t{name}: ")).unwrap();
        rest.split(' ').next().unwrap().parse().unwrap()
    };
    let slept = call(json!({ "do": "sleep", "ms": 120 })).await;
    assert!(field(&slept, "Duration") >= 120.0, "{slept}");
    assert!(field(&slept, "Init Duration") > 0.0, "{slept}");
    let before = field(&slept, "Max Memory Used");
    let allocated = call(json!({ "do": "allocate", "bytes": 64 << 20 })).await;
    let grown = field(&allocated, "Max Memory Used") - before;
    assert!((60.0..70.0).contains(&grown), "{allocated}");
    server.stop().await;
}

#[tokio::test]
async fn only_the_end_of_a_long_log_comes_back() {
    let (server, client) = server(Kind::Process).await;
    let payload = Blob::new(r#"{"do":"flood","lines":20000}"#);
    let output =
        client.invoke().function_name("test").log_type(LogType::Tail).payload(payload).send().await.unwrap();
    let log = log(&output);
    assert_eq!(log.len(), 4096);
    assert!(log.contains("line 19999\nEND RequestId: "), "{log}");
    server.stop().await;
}

async fn a_function_finds_what_lambda_sets(kind: Kind) {
    let mut function = FunctionConfig { memory_mb: 256, ..kind.test_function() };
    function.environment = vec![("MINE".to_owned(), "1".to_owned()), ("TZ".to_owned(), "UTC".to_owned())];
    let config = Config { region: "eu-west-1".to_owned(), ..Config::new(vec![function.clone()]) };
    let server = Server::start(config).await;
    let application = json!({
        "installation_id": "i", "app_title": "t", "app_version_name": "1", "app_version_code": "1", "app_package_name": "p"
    });
    let context = json!({ "client": application, "custom": { "k": "v" }, "env": {} });
    let output = server
        .client()
        .invoke()
        .function_name("test")
        .client_context(BASE64_STANDARD.encode(context.to_string()))
        .payload(Blob::new(r#"{"do":"describe"}"#))
        .send()
        .await
        .unwrap();
    let seen = payload(&output);
    assert_eq!(output.function_error(), None, "{seen}");
    let (folder, working_directory, handler) = match &function.program {
        Program::Command { folder, .. } => {
            let folder = folder.to_str().unwrap();
            (folder, folder, "test_function")
        }
        Program::Image(_) | Program::ImageAsProcess(_) => ("/var/task", "/", "/var/task/test_function"),
    };
    assert_eq!(seen["request_id"], output.request_id().unwrap());
    assert_eq!(seen["arn"], "arn:aws:lambda:eu-west-1:123456789012:function:test");
    assert_eq!(seen["client_context"]["custom"]["k"], "v");
    assert!(seen["trace_id"].as_str().unwrap().starts_with("Root=1-"));
    assert_eq!(seen["working_directory"], working_directory);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let remaining = u128::from(seen["deadline_ms"].as_u64().unwrap()).saturating_sub(now);
    assert!((1_000..=30_000).contains(&remaining), "{remaining} ms until the deadline");

    let environment = seen["environment"].as_object().unwrap();
    for (name, value) in [
        ("AWS_LAMBDA_FUNCTION_NAME", "test"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/test"),
        ("AWS_REGION", "eu-west-1"),
        ("_HANDLER", handler),
        ("LAMBDA_TASK_ROOT", folder),
        ("TZ", "UTC"),
        ("MINE", "1"),
    ] {
        assert_eq!(environment[name], value, "{name}");
    }
    for name in ["AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY_ID", "PATH"] {
        assert!(environment.contains_key(name), "{name}");
    }
    assert!(!environment.contains_key("CARGO_MANIFEST_DIR"), "nothing is inherited");
    server.stop().await;
}

#[tokio::test]
async fn every_way_to_name_a_function() {
    let (server, client) = server(Kind::Process).await;
    for name in [
        "test",
        ARN,
        "123456789012:function:test",
        "123456789012:test",
        "us-east-1:123456789012:function:test",
        "arn:aws:lambda:test",
        "test:$LATEST",
    ] {
        assert_eq!(payload(&invoke(&client, name, json!(1)).await)["event"], 1, "{name}");
    }
    let qualified = client.invoke().function_name("test").qualifier("$LATEST").send().await.unwrap();
    assert_eq!(payload(&qualified)["event"], json!({}), "no payload is an empty event");
    server.stop().await;
}

#[tokio::test]
async fn unknown_functions_and_versions_are_not_found() {
    let (server, client) = server(Kind::Process).await;
    let other_region = "arn:aws:lambda:eu-west-1:123456789012:function:test";
    for (name, qualifier, message) in [
        ("nobody", None, format!("Function not found: {FUNCTION}nobody:$LATEST")),
        ("test", Some("7"), format!("Function not found: {FUNCTION}test:7")),
        (
            other_region,
            None,
            "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')".to_owned(),
        ),
    ] {
        let error = client
            .invoke()
            .function_name(name)
            .set_qualifier(qualifier.map(str::to_owned))
            .send()
            .await
            .unwrap_err();
        assert_eq!(status(&error), 404);
        let error = error.into_service_error();
        assert!(error.is_resource_not_found_exception());
        assert_eq!(error.message(), Some(message.as_str()));
    }
    server.stop().await;
}

#[tokio::test]
async fn dry_runs_and_events_answer_without_a_result() {
    let (server, client) = server(Kind::Process).await;
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("record");
    let send = |kind: InvocationType| {
        let event = json!({ "do": "record", "path": record });
        client
            .invoke()
            .function_name("test")
            .invocation_type(kind)
            .payload(Blob::new(event.to_string()))
            .send()
    };
    for (kind, status) in [(InvocationType::DryRun, 204), (InvocationType::Event, 202)] {
        let output = send(kind).await.unwrap();
        assert_eq!(output.status_code(), status);
        assert!(output.payload().is_none_or(|payload| payload.as_ref().is_empty()));
    }
    eventually(|| lines(&record) == 1).await;
    server.stop().await;
    assert_eq!(lines(&record), 1, "the dry run did not reach the function");
}

#[tokio::test]
async fn requests_that_are_too_large_or_not_json_are_refused() {
    let (server, client) = server(Kind::Process).await;
    let send = |kind: InvocationType, bytes: Vec<u8>| {
        client.invoke().function_name("test").invocation_type(kind).payload(Blob::new(bytes)).send()
    };
    let string = |length: usize| format!("\"{}\"", "x".repeat(length - 2)).into_bytes();
    let largest = send(InvocationType::RequestResponse, string(6_200_000)).await.unwrap();
    assert_eq!(largest.status_code(), 200);
    for (kind, bytes) in [(InvocationType::RequestResponse, 6_291_457), (InvocationType::Event, 1_048_577)] {
        let error = send(kind, string(bytes)).await.unwrap_err();
        assert_eq!(status(&error), 413);
        // Lambda's API calls it RequestTooLargeException, but this is what it answers.
        assert_eq!(error.into_service_error().code(), Some("RequestEntityTooLargeException"));
    }
    for garbage in [&b"{"[..], b"not json", b"\"\xff\"", b"{} {}"] {
        let error = send(InvocationType::RequestResponse, garbage.to_vec()).await.unwrap_err();
        assert_eq!(status(&error), 400);
        assert!(error.into_service_error().is_invalid_request_content_exception());
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_emulated_says_so() {
    let (server, client) = server(Kind::Process).await;
    let error = client.list_layers().send().await.unwrap_err();
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 501);
    let error = error.into_service_error();
    assert_eq!(error.code(), Some("NotEmulatedException"));
    assert_eq!(error.message(), Some("lambda-local does not emulate GET /2018-10-31/layers"));
    let answer = raw(&server, "GET /2015-03-31/functions/test/invocations").await;
    assert!(answer.starts_with("HTTP/1.1 501 ") && answer.contains("NotEmulatedException"), "{answer}");
    for path in ["test/invocations?Qualifier=a&Qualifier=b", "%ff/invocations"] {
        let answer = raw(&server, &format!("POST /2015-03-31/functions/{path}")).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(answer.contains("x-amzn-errortype: InvalidParameterValueException"), "{answer}");
    }
    let invalid =
        client.invoke().function_name("test").invocation_type("Later".into()).send().await.unwrap_err();
    assert_eq!(status(&invalid), 400);
    assert_eq!(invalid.into_service_error().code(), Some("ValidationException"));
    server.stop().await;
}

/// The answer to a request that no client of AWS would send.
async fn raw(server: &Server, request_line: &str) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = "HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(format!("{request_line} {head}").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
