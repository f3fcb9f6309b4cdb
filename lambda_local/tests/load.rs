//! Many requests at once: nothing is lost and nothing is answered twice.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::ProvideErrorMetadata;
use aws_sdk_lambda::primitives::Blob;
use common::{Server, invoke, payload, test_function};
use lambda_local::Config;
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Sends `count` requests at once and returns their answers by number.
async fn burst(client: &Client, count: u64, action: &str) -> BTreeMap<u64, Value> {
    let mut calls = JoinSet::new();
    for number in 0..count {
        let (client, event) = (client.clone(), json!({ "do": action, "ms": 200, "number": number }));
        calls.spawn(async move { (number, payload(&invoke(&client, "test", event).await)) });
    }
    calls.join_all().await.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_at_once_twice_in_a_row() {
    let server = Server::start(Config::new(vec![test_function()])).await;
    let client = server.client();
    let mut invocations = BTreeSet::new();
    for round in 0..2 {
        let answers = burst(&client, 1000, "sleep").await;
        assert_eq!(answers.len(), 1000);
        for (number, answer) in &answers {
            assert_eq!(answer["event"]["number"], *number, "round {round}");
            let invocation = (answer["pid"].as_u64().unwrap(), answer["invocations"].as_u64().unwrap());
            assert!(invocations.insert(invocation), "two answers from one invocation: {answer}");
        }
    }
    let environments: BTreeSet<_> = invocations.iter().map(|(pid, _)| pid).collect();
    assert!(environments.len() <= 1000, "{} environments for 1000 requests at a time", environments.len());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_that_exits_on_every_third_call() {
    let server = Server::start(Config::new(vec![test_function()])).await;
    let client = server.client();
    // One client after the other call: the third, the sixth, ... fail, and nothing else does.
    for number in 1..=12_u64 {
        let output = invoke(&client, "test", json!({ "do": "exit_every_third", "number": number })).await;
        let failed = output.function_error().is_some();
        assert_eq!(failed, number.is_multiple_of(3), "call {number}: {}", payload(&output));
    }
    // Many at a time: every request has one answer, its own or that its environment exited.
    for _ in 0..4 {
        let answers = burst(&client, 50, "exit_every_third").await;
        assert_eq!(answers.len(), 50);
        for (number, answer) in answers {
            let exited = answer["errorType"] == "Runtime.ExitError";
            assert!(exited || answer["event"]["number"] == number, "{answer}");
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_requests_than_allowed_are_throttled() {
    let server = Server::start(Config { concurrency: 2, ..Config::new(vec![test_function()]) }).await;
    let client = server.client();
    let mut calls = JoinSet::new();
    for number in 0..6 {
        let call = client.invoke().function_name("test");
        let event = json!({ "do": "sleep", "ms": 500, "number": number });
        calls.spawn(call.payload(Blob::new(event.to_string())).send());
    }
    let (mut served, mut throttled) = (0, 0);
    while let Some(result) = calls.join_next().await {
        match result.unwrap() {
            Ok(_) => served += 1,
            Err(error) => {
                assert_eq!(error.raw_response().unwrap().status().as_u16(), 429);
                let error = error.into_service_error();
                assert_eq!(error.message(), Some("Rate Exceeded."));
                assert!(error.is_too_many_requests_exception());
                throttled += 1;
            }
        }
    }
    assert_eq!((served, throttled), (2, 4));
    assert_eq!(payload(&invoke(&client, "test", json!(7)).await)["event"], 7);
    server.stop().await;
}
