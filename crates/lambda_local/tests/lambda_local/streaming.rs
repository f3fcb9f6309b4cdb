//! Replies that a function streams, and clients that want a stream, through the AWS SDK.

use std::time::{Duration, Instant};

use crate::support::{Kind, Server, invoke};
use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::ProvideErrorMetadata;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    InvokeWithResponseStreamCompleteEvent, InvokeWithResponseStreamResponseEvent as StreamEvent, LogType,
    ResponseStreamingInvocationType,
};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lambda_local::{Config, FunctionConfig, Program};
use serde_json::{Value, json};

use crate::support::example;

/// What AWS's Rust runtime writes before each streamed reply.
const PRELUDE_END: &[u8] = &[0; 8];

async fn server() -> (Server, Client) {
    let streaming = FunctionConfig::new("streaming", Program::executable(example("streaming_function")));
    let functions = vec![Kind::Process.test_function(), Kind::Process.raw_function(), streaming];
    let functions = functions.into_iter().map(|f| FunctionConfig { timeout: Duration::from_secs(20), ..f });
    let hasty = FunctionConfig {
        name: "hasty".to_owned(),
        timeout: Duration::from_secs(1),
        ..Kind::Process.test_function()
    };
    let server = Server::start(Config::new(functions.chain([hasty]).collect())).await;
    let client = server.client();
    (server, client)
}

/// The chunks of a streamed response with the times at which they came, and its end.
struct Streamed {
    chunks: Vec<Vec<u8>>,
    times: Vec<Duration>,
    complete: InvokeWithResponseStreamCompleteEvent,
}

impl Streamed {
    async fn from(client: &Client, function: &str, event: Value) -> Self {
        let began = Instant::now();
        let call = client.invoke_with_response_stream().function_name(function).log_type(LogType::Tail);
        let mut output = call.payload(Blob::new(event.to_string())).send().await.unwrap();
        assert_eq!(output.status_code, 200);
        assert_eq!(output.executed_version(), Some("$LATEST"));
        let (mut chunks, mut times) = (Vec::new(), Vec::new());
        loop {
            match output.event_stream.recv().await.unwrap() {
                Some(StreamEvent::PayloadChunk(chunk)) => {
                    chunks.push(chunk.payload.unwrap().into_inner());
                    times.push(began.elapsed());
                }
                Some(StreamEvent::InvokeComplete(complete)) => {
                    assert!(
                        output.event_stream.recv().await.unwrap().is_none(),
                        "nothing comes after the end"
                    );
                    return Self { chunks, times, complete };
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// What the function itself wrote.
    fn written(&self) -> Vec<u8> {
        let all = self.chunks.concat();
        let end = all.windows(8).position(|window| window == PRELUDE_END).unwrap();
        all[end + 8..].to_vec()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chunks_arrive_while_the_function_writes_them() {
    let (server, client) = server().await;
    let streamed =
        Streamed::from(&client, "streaming", json!({ "chunks": 5, "bytes": 1000, "ms": 100 })).await;
    assert_eq!(streamed.written(), "x".repeat(5000).as_bytes());
    let (first, last) = (streamed.times[0], streamed.times[streamed.times.len() - 1]);
    assert!(last - first >= Duration::from_millis(300), "{:?}", streamed.times);
    assert_eq!((streamed.complete.error_code(), streamed.complete.error_details()), (None, None));
    let log = BASE64_STANDARD.decode(streamed.complete.log_result().unwrap()).unwrap();
    let log = String::from_utf8(log).unwrap();
    assert!(log.contains("\nREPORT RequestId: "), "{log}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_streamed_reply_may_be_larger_than_others() {
    let (server, client) = server().await;
    let streamed =
        Streamed::from(&client, "streaming", json!({ "chunks": 20, "bytes": 1 << 20, "ms": 0 })).await;
    assert_eq!(streamed.written().len(), 20 << 20);
    assert_eq!(streamed.complete.error_code(), None);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_has_at_most_200_mb() {
    let (server, client) = server().await;
    let event = json!({ "chunks": 201, "bytes": 1 << 20, "ms": 0 });
    let streamed = Streamed::from(&client, "streaming", event).await;
    let passed: usize = streamed.chunks.iter().map(Vec::len).sum();
    assert!(passed <= 200 << 20 && passed > 199 << 20, "{passed}");
    let details: Value = serde_json::from_str(streamed.complete.error_details().unwrap()).unwrap();
    assert_eq!(details["errorType"], "Function.ResponseSizeTooLarge");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_that_is_not_streamed_is_one_chunk() {
    let (server, client) = server().await;
    let streamed = Streamed::from(&client, "test", json!({ "do": "answer", "value": [1, "ä"] })).await;
    assert_eq!(streamed.chunks, [r#"[1,"ä"]"#.as_bytes()]);
    assert_eq!(streamed.complete.error_code(), None);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_wants_no_stream_gets_the_reply_as_a_whole() {
    let (server, client) = server().await;
    let output = invoke(&client, "streaming", json!({ "chunks": 3, "bytes": 4, "ms": 1 })).await;
    assert_eq!(output.function_error(), None);
    assert!(output.payload().unwrap().as_ref().ends_with(b"\0\0\0\0\0\0\0\0xxxxxxxxxxxx"), "{output:?}");
    let large = invoke(&client, "streaming", json!({ "chunks": 7, "bytes": 1 << 20, "ms": 0 })).await;
    let error: Value = serde_json::from_slice(large.payload().unwrap().as_ref()).unwrap();
    assert_eq!(error["errorType"], "Function.ResponseSizeTooLarge");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_are_told_at_the_end_of_the_stream() {
    let (server, client) = server().await;
    for (function, event, chunks, code, details) in [
        ("streaming", json!({ "fail": true }), "", "Unhandled", "as the event asked"),
        ("test", json!({ "do": "exit", "code": 3 }), "", "Unhandled", "exit status 3"),
        ("hasty", json!({ "do": "sleep", "ms": 60_000 }), "", "Unhandled", "Sandbox.Timedout"),
        ("raw", json!({ "do": "stream_error" }), "half", "Test.Failed", r#"{"errorMessage":"m"}"#),
        ("raw", json!({ "do": "stream_exit" }), "half", "Unhandled", "exit status 3"),
    ] {
        let streamed = Streamed::from(&client, function, event.clone()).await;
        assert_eq!(streamed.chunks.concat(), chunks.as_bytes(), "{event}");
        assert_eq!(streamed.complete.error_code(), Some(code), "{event}");
        let found = streamed.complete.error_details().unwrap();
        assert!(found.contains(details), "{event}: {found}");
    }
    // A client that wants no stream is told of the error only.
    let output = invoke(&client, "raw", json!({ "do": "stream_error" })).await;
    assert_eq!(output.function_error(), Some("Unhandled"));
    assert_eq!(output.payload().unwrap().as_ref(), br#"{"errorMessage":"m"}"#);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_leaves_a_stream_does_not_disturb_the_function() {
    let (server, client) = server().await;
    let event = json!({ "chunks": 20, "bytes": 1 << 20, "ms": 10 }).to_string();
    let call = client.invoke_with_response_stream().function_name("streaming").payload(Blob::new(event));
    let mut output = call.send().await.unwrap();
    output.event_stream.recv().await.unwrap().unwrap();
    drop(output);
    let next = Streamed::from(&client, "streaming", json!({ "chunks": 1, "bytes": 3, "ms": 0 })).await;
    assert_eq!(next.written(), b"xxx");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_a_stopping_server_cuts_off_is_no_success() {
    let (server, client) = server().await;
    let event = json!({ "chunks": 1000, "bytes": 10, "ms": 10 }).to_string();
    let call = client.invoke_with_response_stream().function_name("streaming").payload(Blob::new(event));
    let mut output = call.send().await.unwrap();
    output.event_stream.recv().await.unwrap().unwrap();
    let stopped = tokio::spawn(server.stop());
    let end = loop {
        match output.event_stream.recv().await {
            Ok(Some(StreamEvent::PayloadChunk(_))) => {}
            end => break end,
        }
    };
    assert!(end.is_err(), "{end:?}");
    stopped.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_and_dry_runs_have_no_stream() {
    let (server, client) = server().await;
    let call = |function: &str| client.invoke_with_response_stream().function_name(function);
    let error = call("nobody").send().await.unwrap_err();
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 404);
    assert!(error.into_service_error().is_resource_not_found_exception());
    let event = ResponseStreamingInvocationType::from("Event");
    let error = call("test").invocation_type(event).send().await.unwrap_err().into_service_error();
    assert_eq!(error.code(), Some("ValidationException"));
    assert!(error.message().unwrap().ends_with("enum value set: [RequestResponse, DryRun]"), "{error:?}");
    let dry = call("test").invocation_type(ResponseStreamingInvocationType::DryRun).send().await.unwrap();
    assert_eq!(dry.status_code, 204);
    server.stop().await;
}
