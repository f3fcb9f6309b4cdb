//! The Lambda function itself, in a local Lambda.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use cnn_serving::settings::ASSETS;
use lambda_local::{Config, FunctionConfig, LocalLambda, Program};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::{common, moto};

#[test]
fn a_warm_function_takes_objects_samples_and_failures_in_turn() {
    let (stop, stopped) = oneshot::channel::<()>();
    let runtime = Runtime::new().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let lambda = runtime.block_on(LocalLambda::prepare(config())).unwrap();
    let server = runtime.spawn(lambda.serve(listener, async {
        let _ = stopped.await;
    }));

    let object = |key: &str| json!({"input_bucket": "pictures", "input_object_key": key});
    for (event, class) in [
        (object("rocket.jpg"), "pole"),
        (json!({}), "Egyptian_cat"),
        (object("cats/chelsea ä+%20.png"), "Egyptian_cat"),
        (json!({"input_object_key": "rocket.jpg"}), "Egyptian_cat"),
    ] {
        let missing = invoke(address, &object("dogs.png"));
        assert_eq!(missing["errorType"], "NoSuchKey", "{missing}");
        let answer = invoke(address, &event);
        let text = answer.as_str().unwrap_or_else(|| panic!("{event}: {answer}"));
        let inner: Value = serde_json::from_str(text).unwrap();
        assert_eq!(inner["result"][0][0][1], class, "{event}");
    }
    stop.send(()).unwrap();
    runtime.block_on(server).unwrap().unwrap();
}

fn config() -> Config {
    let path = Path::new(env!("CARGO_BIN_EXE_cnn_serving"));
    let helper = path.with_file_name("lambda-local");
    assert!(helper.is_file(), "{} is missing: run cargo build -p lambda_local", helper.display());
    let program = Program::executable(path);
    let mut function = FunctionConfig::new("cnn_serving", program);
    let assets = common::assets_folder().to_str().unwrap().to_owned();
    let endpoint = moto::open().url.clone();
    function.environment = vec![(ASSETS.to_owned(), assets), ("AWS_ENDPOINT_URL_S3".to_owned(), endpoint)];
    Config { helper: Some(helper), ..Config::new(vec![function]) }
}

/// What the function answers, or its error.
fn invoke(address: SocketAddr, event: &Value) -> Value {
    let event = event.to_string();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST /2015-03-31/functions/cnn_serving/invocations HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{event}",
        event.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap_or_else(|_| panic!("not JSON: {answer}"))
}
