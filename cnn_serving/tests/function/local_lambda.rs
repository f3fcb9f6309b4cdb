//! The Lambda function itself, in a local Lambda.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use cnn_serving::settings::ASSETS;
use lambda_local::{Config, FunctionConfig, LocalLambda, Program};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::common;

/// A local Lambda with the function, which ends when this is dropped.
pub(crate) struct Local {
    address: SocketAddr,
    runtime: Runtime,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

/// What the local Lambda answers.
pub(crate) struct Answer {
    /// The headers, as they were sent.
    pub(crate) headers: String,
    /// What the function answered, or its error.
    pub(crate) body: Value,
}

impl Local {
    /// Starts one whose function has these variables, and the one that tells where its assets are.
    pub(crate) fn start(variables: &[(&str, &str)]) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let lambda = runtime.block_on(LocalLambda::prepare(config(variables))).unwrap();
        let server = runtime.spawn(async {
            let stopped = async {
                let _ = stopped.await;
            };
            lambda.serve(listener, stopped).await.unwrap();
        });
        Self { address, runtime, running: Some((stop, server)) }
    }

    /// Invokes the function, and asks for the end of its log.
    pub(crate) fn invoke(&self, event: &Value) -> Answer {
        let event = event.to_string();
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(
            stream,
            "POST /2015-03-31/functions/cnn_serving/invocations HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
             X-Amz-Log-Type: Tail\r\nContent-Length: {}\r\n\r\n{event}",
            self.address,
            event.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (headers, body) = answer.split_once("\r\n\r\n").unwrap();
        let body = serde_json::from_str(body).unwrap_or_else(|_| panic!("not JSON: {answer}"));
        Answer { headers: headers.to_owned(), body }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        let (stop, server) = self.running.take().unwrap();
        let _ = stop.send(());
        self.runtime.block_on(server).unwrap();
    }
}

fn config(variables: &[(&str, &str)]) -> Config {
    let path = Path::new(env!("CARGO_BIN_EXE_cnn_serving"));
    let helper = path.with_file_name("lambda-local");
    assert!(helper.is_file(), "{} is missing: run cargo build -p lambda_local", helper.display());
    let mut function = FunctionConfig::new("cnn_serving", Program::executable(path));
    let assets = common::assets_folder();
    let variables = variables.iter().copied().chain([(ASSETS, assets.to_str().unwrap())]);
    function.environment = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Config { helper: Some(helper), ..Config::new(vec![function]) }
}
