//! Many requests at once: nothing is lost and nothing is answered twice.
//!
//! These tests have a binary of their own: they start a thousand processes, which would make the short timeouts of
//! other tests expire.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::support::binary::LambdaLocal;
use crate::support::{Kind, Server, client, eventually, invoke, payload};
use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::ProvideErrorMetadata;
use aws_sdk_lambda::primitives::Blob;
use lambda_local::Config;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

on_both!(
    many_at_once_twice_in_a_row,
    a_function_that_exits_on_every_third_call,
    more_requests_than_allowed_are_throttled,
);

/// Sends `count` requests at once and returns their answers by number.
async fn burst(client: &Client, count: u64, action: &str) -> BTreeMap<u64, Value> {
    let mut calls = JoinSet::new();
    for number in 0..count {
        let (client, event) = (client.clone(), json!({ "do": action, "ms": 200, "number": number }));
        calls.spawn(async move { (number, payload(&invoke(&client, "test", event).await)) });
    }
    calls.join_all().await.into_iter().collect()
}

async fn many_at_once_twice_in_a_row(kind: Kind) {
    let many = match kind {
        Kind::Process => 1000,
        Kind::Container => 30,
    };
    let server = Server::start(Config::new(vec![kind.test_function()])).await;
    let client = server.client();
    let mut invocations = BTreeSet::new();
    for round in 0..2 {
        let answers = burst(&client, many, "sleep").await;
        assert_eq!(answers.len() as u64, many);
        for (number, answer) in &answers {
            assert_eq!(answer["event"]["number"], *number, "round {round}");
            let invocation = (answer["environment"].to_string(), answer["invocations"].as_u64().unwrap());
            assert!(invocations.insert(invocation), "two answers from one invocation: {answer}");
        }
    }
    let environments: BTreeSet<_> = invocations.iter().map(|(environment, _)| environment).collect();
    assert!(
        environments.len() as u64 <= many,
        "{} environments for {many} requests at a time",
        environments.len()
    );
    server.stop().await;
}

async fn a_function_that_exits_on_every_third_call(kind: Kind) {
    let server = Server::start(Config::new(vec![kind.test_function()])).await;
    let client = server.client();
    // One call after the other: the third, the sixth, ... fail, and nothing else does.
    for number in 1..=12_u64 {
        let output = invoke(&client, "test", json!({ "do": "exit_every_third", "number": number })).await;
        let failed = output.function_error().is_some();
        assert_eq!(failed, number.is_multiple_of(3), "call {number}: {}", payload(&output));
    }
    // Many at a time: every request has one answer, which is its own, or says that its environment exited.
    let (bursts, size) = match kind {
        Kind::Process => (4, 50),
        Kind::Container => (3, 8),
    };
    for _ in 0..bursts {
        let answers = burst(&client, size, "exit_every_third").await;
        assert_eq!(answers.len() as u64, size);
        for (number, answer) in answers {
            let exited = answer["errorType"] == "Runtime.ExitError";
            assert!(exited || answer["event"]["number"] == number, "{answer}");
        }
    }
    server.stop().await;
}

async fn more_requests_than_allowed_are_throttled(kind: Kind) {
    let server = Server::start(Config { concurrency: 2, ..Config::new(vec![kind.test_function()]) }).await;
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

/// Without fixed thresholds, glibc would keep 90 MB.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_memory_of_large_answers_is_given_back() {
    let server = LambdaLocal::start(&[]);
    let client = client(server.address);
    let permits = Arc::new(Semaphore::new(100));
    let mut calls = JoinSet::new();
    for _ in 0..500 {
        let permit = Arc::clone(&permits).acquire_owned().await.unwrap();
        let client = client.clone();
        calls.spawn(async move {
            let answer = invoke(&client, "test", json!({ "do": "large", "bytes": 1 << 20 })).await;
            drop(permit);
            answer.payload().unwrap().as_ref().len()
        });
    }
    assert!(calls.join_all().await.into_iter().all(|length| length > 1 << 20));
    let resident_mb = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", server.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
    };
    eventually(|| resident_mb() < 64).await;
}
