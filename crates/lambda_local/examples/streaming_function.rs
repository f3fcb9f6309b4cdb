//! A Lambda function on AWS's own Rust runtime that streams its answer: `{"chunks": COUNT, "bytes": SIZE, "ms": PAUSE}`
//! streams chunks, and `{"fail": true}` fails instead.

use std::time::Duration;

use lambda_runtime::streaming::{Body, Response, channel};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(handle)).await
}

async fn handle(event: LambdaEvent<Value>) -> Result<Response<Body>, Error> {
    if event.payload["fail"] == true {
        return Err("as the event asked".into());
    }
    let number = |name: &str| event.payload[name].as_u64().unwrap_or_default();
    let (chunks, size, pause) = (number("chunks"), usize::try_from(number("bytes"))?, number("ms"));
    let (mut sender, body) = channel();
    tokio::spawn(async move {
        for _ in 0..chunks {
            // A client that has left needs no more.
            if sender.send_data("x".repeat(size).into()).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    });
    Ok(Response::from(body))
}
