//! `--watch`: a changed program or image serves the next request, and no request is lost.

use std::path::Path;
use std::time::Duration;

use aws_sdk_lambda::Client;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::binary::LambdaLocal;
use crate::support::docker::{containers_of, image_of, run};
use crate::support::{client, ended, eventually, example, invoke, payload};

/// Replaces a program in one step, as linkers do.
fn replace(program: &Path, by: &str) {
    let new = program.with_extension("new");
    std::fs::copy(example(by), &new).unwrap();
    std::fs::rename(new, program).unwrap();
}

/// Calls until the answer is a wanted one, and returns it. Every call has to succeed.
async fn until(client: &Client, wanted: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let output = invoke(client, "test", json!({})).await;
        assert_eq!(output.function_error(), None, "{}", payload(&output));
        let answer = payload(&output);
        if wanted(&answer) {
            return answer;
        }
        assert!(Instant::now() < deadline, "the answer is still {answer}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_changed_program_serves_the_next_request() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("program");
    replace(&program, "test_function");
    let function = format!("test={}", program.display());
    let server = LambdaLocal::run(&["--listen", "127.0.0.1:0", "--watch", "--function", &function]);
    let client = client(server.address);
    let old = payload(&invoke(&client, "test", json!({})).await)["pid"].as_u64().unwrap();
    let busy = tokio::spawn({
        let client = client.clone();
        async move { invoke(&client, "test", json!({ "do": "sleep", "ms": 2000 })).await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    replace(&program, "raw_function");
    until(&client, |answer| answer == "plain").await;
    // The one that was busy has answered, and has ended afterwards.
    assert_eq!(payload(&busy.await.unwrap())["pid"], old);
    ended(old).await;
    replace(&program, "test_function");
    assert_eq!(until(&client, |answer| answer != "plain").await["invocations"], 1);
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn a_changed_image_serves_the_next_request() {
    let (old, new) = (image_of("raw_function"), image_of("test_function"));
    let name = "lambda-local-test-watched";
    run("docker", &["tag", &old, name]);
    for flag in ["--image", "--image-as-process"] {
        let function = format!("test={name}");
        let server = LambdaLocal::run(&["--listen", "127.0.0.1:0", "--watch", flag, &function]);
        let client = client(server.address);
        assert_eq!(payload(&invoke(&client, "test", json!({})).await), "plain");
        run("docker", &["tag", &new, name]);
        assert_eq!(until(&client, |answer| answer != "plain").await["invocations"], 1);
        // The container of the old image is removed.
        eventually(|| containers_of(server.process.id()).len() <= 1).await;
        run("docker", &["tag", &old, name]);
    }
    run("docker", &["rmi", name]);
}
