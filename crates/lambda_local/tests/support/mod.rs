//! A local Lambda with the test functions, and real clients for it.

#![allow(dead_code, reason = "every test binary uses its own part")]
#![allow(unreachable_pub, reason = "a test binary has no public interface")]

pub mod binary;
pub mod docker;
pub mod terminal;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_lambda::operation::invoke::InvokeOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_smithy_http_client::tls;
use lambda_local::{Config, FunctionConfig, LocalLambda, Program};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A server on a port of its own.
pub struct Server {
    pub address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Server {
    pub async fn start(config: Config) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let helper = Some(PathBuf::from(env!("CARGO_BIN_EXE_lambda-local")));
        let lambda = LocalLambda::prepare(Config { helper, ..config }).await.unwrap();
        let task = tokio::spawn(lambda.serve(listener, async {
            let _ = stopped.await;
        }));
        Self { address, stop, task }
    }

    /// Stops the server, which has to end by itself.
    pub async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }

    pub fn client(&self) -> Client {
        client(self.address)
    }
}

/// The SDK's client with the settings of a user, but without retries, which would hide what is tested.
pub fn client(address: SocketAddr) -> Client {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .build_https();
    // When a thousand processes start at once, a client gets little of two cores.
    let limit = Duration::from_secs(120);
    let timeouts = TimeoutConfig::builder().connect_timeout(limit).operation_timeout(limit).build();
    let config = aws_sdk_lambda::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http)
        .endpoint_url(format!("http://{address}"))
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "tests"))
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        .build();
    Client::from_conf(config)
}

/// What runs a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Process,
    Container,
}

impl Kind {
    /// A function on AWS's Rust runtime, that does what its event says.
    pub fn test_function(self) -> FunctionConfig {
        self.function("test", "test_function")
    }

    /// A function that misuses the Runtime API as its event says.
    pub fn raw_function(self) -> FunctionConfig {
        self.function("raw", "raw_function")
    }

    fn function(self, name: &str, program: &str) -> FunctionConfig {
        match self {
            Self::Process => FunctionConfig::new(name, Program::executable(example(program))),
            // With a whole CPU, so that both kinds are equally fast.
            Self::Container => {
                let image = Program::Image(docker::image_of(program));
                FunctionConfig { memory_mb: 1769, ..FunctionConfig::new(name, image) }
            }
        }
    }
}

/// The test function as a process.
pub fn test_function() -> FunctionConfig {
    Kind::Process.test_function()
}

/// Makes tests of functions that take a `Kind`: one on processes, and one in containers.
macro_rules! on_both {
    ($($scenario:ident),+ $(,)?) => {
        mod on_processes {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                super::$scenario($crate::support::Kind::Process).await;
            })+
        }
        mod in_containers {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            #[ignore = "needs Docker"]
            async fn $scenario() {
                super::$scenario($crate::support::Kind::Container).await;
            })+
        }
    };
}

pub fn example(name: &str) -> PathBuf {
    let profile = PathBuf::from(env!("CARGO_BIN_EXE_lambda-local"));
    let path = profile.with_file_name("examples").join(name);
    assert!(path.exists(), "{} is missing: run `cargo build -p lambda_local --examples`", path.display());
    path
}

pub async fn invoke(client: &Client, function: &str, event: Value) -> InvokeOutput {
    let payload = Blob::new(event.to_string());
    client.invoke().function_name(function).payload(payload).send().await.unwrap()
}

pub fn payload(output: &InvokeOutput) -> Value {
    let bytes = output.payload().unwrap().as_ref();
    serde_json::from_slice(bytes).unwrap_or_else(|_| panic!("not JSON: {}", String::from_utf8_lossy(bytes)))
}

/// Whether a process of this number runs.
pub fn runs(pid: u64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // A zombie has ended. It is up to its parent to remove it.
    !stat.is_empty() && !stat.contains(") Z ")
}

/// Waits until a process has ended.
pub async fn ended(pid: u64) {
    eventually(|| !runs(pid)).await;
}

/// Waits until something has happened that nobody announces.
pub async fn eventually(mut condition: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(tokio::time::Instant::now() < deadline, "it did not happen within 20 s");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// How many lines a file has; none if there is no such file.
pub fn lines(path: &Path) -> usize {
    std::fs::read_to_string(path).unwrap_or_default().lines().count()
}
