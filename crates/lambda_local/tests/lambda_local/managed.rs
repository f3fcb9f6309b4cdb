//! Environments that serve several requests at a time, as on Lambda's Managed Instances.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::time::Duration;

use crate::support::{Kind, Server, invoke, payload};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::LogType;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lambda_local::{Config, FunctionConfig};
use serde_json::json;
use tokio::task::JoinSet;

on_both!(an_environment_serves_several_requests_at_a_time);

async fn server(kind: Kind) -> Server {
    let timeout = Duration::from_secs(2);
    let function = FunctionConfig { max_concurrency: NonZero::new(4), timeout, ..kind.test_function() };
    Server::start(Config::new(vec![function])).await
}

async fn an_environment_serves_several_requests_at_a_time(kind: Kind) {
    let server = server(kind).await;
    let client = server.client();
    let seen = payload(&invoke(&client, "test", json!({ "do": "describe" })).await);
    assert_eq!(seen["environment"]["AWS_LAMBDA_MAX_CONCURRENCY"], "4");
    assert_eq!(seen["environment"]["AWS_LAMBDA_INITIALIZATION_TYPE"], "lambda-managed-instances");

    let sent = tokio::time::Instant::now();
    let mut calls = JoinSet::new();
    for number in 0..4 {
        let call = client.invoke().function_name("test").log_type(LogType::Tail);
        let event = json!({ "do": "sleep", "ms": 400, "number": number });
        calls.spawn(call.payload(Blob::new(event.to_string())).send());
    }
    let outputs: Vec<_> = calls.join_all().await.into_iter().map(Result::unwrap).collect();
    assert!(sent.elapsed() < Duration::from_millis(1600), "one after the other");
    let environments: BTreeSet<_> =
        outputs.iter().map(|output| payload(output)["environment"].to_string()).collect();
    assert_eq!(environments.len(), 1);
    for output in &outputs {
        let log = String::from_utf8(BASE64_STANDARD.decode(output.log_result().unwrap()).unwrap()).unwrap();
        assert!(log.contains("START RequestId: ") && log.contains("REPORT RequestId: "), "{log}");
        assert!(!log.contains("END RequestId: "), "{log}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_time_out_ends_one_request_and_spares_the_others() {
    let server = server(Kind::Process).await;
    let client = server.client();
    let first = payload(&invoke(&client, "test", json!({})).await);
    let call = |ms: u64| {
        let client = client.clone();
        async move { payload(&invoke(&client, "test", json!({ "do": "sleep", "ms": ms })).await) }
    };
    let later = async {
        tokio::time::sleep(Duration::from_millis(1000)).await;
        call(1500).await
    };
    let (late, spared) = tokio::join!(call(60_000), later);
    assert_eq!(late["errorType"], "Sandbox.Timedout");
    assert_eq!(spared["pid"], first["pid"]);
    let next = payload(&invoke(&client, "test", json!({})).await);
    assert_ne!(next["pid"], first["pid"], "the environment of the time-out is replaced");
    server.stop().await;
}

#[tokio::test]
async fn an_exit_ends_all_requests_of_the_environment() {
    let server = server(Kind::Process).await;
    let client = server.client();
    invoke(&client, "test", json!({})).await;
    let waiting = invoke(&client, "test", json!({ "do": "sleep", "ms": 1500 }));
    let exits = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        invoke(&client, "test", json!({ "do": "exit", "code": 3 })).await
    };
    let (waiting, exits) = tokio::join!(waiting, exits);
    for output in [waiting, exits] {
        assert_eq!(payload(&output)["errorType"], "Runtime.ExitError");
    }
    server.stop().await;
}
