//! A function in Rust, with AWS's runtime: `cargo build -p lambda_local --example hello`, then
//! `lambda-local --function hello=target/debug/examples/hello`.

use std::time::Instant;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::disallowed_methods, reason = "a function takes its own latency")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        let start = Instant::now();
        let greeting = format!("hello, {}", event.payload["name"].as_str().unwrap_or("world"));
        let latency = start.elapsed().as_secs_f64();
        Ok::<_, Error>(json!({ "latency": latency, "greeting": greeting }))
    }))
    .await
}
