//! AWS's Python client against functions on AWS's Python and Rust runtimes.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::binary::{BINARY, LambdaLocal};
use crate::support::{Server, client, example, invoke, payload, test_function};
use lambda_local::{Config, FunctionConfig, Program};
use serde_json::json;

/// The interpreter with the packages that the tests use.
pub(crate) fn python() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/venv/bin/python");
    assert!(path.exists(), "{} is missing: run ./scripts/setup.sh", path.display());
    path
}

fn python_function(name: &str, bootstrap: PathBuf) -> FunctionConfig {
    let python = python().to_str().unwrap().to_owned();
    let environment = [("PYTHON", python), ("PYTHONDONTWRITEBYTECODE", "1".to_owned())];
    let environment = environment.map(|(name, value)| (name.to_owned(), value)).to_vec();
    FunctionConfig { environment, ..FunctionConfig::new(name, Program::executable(bootstrap)) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn boto3_sees_what_it_would_see_of_lambda() {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python");
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("bootstrap");
    let bootstrap = std::fs::read_to_string(scripts.join("bootstrap")).unwrap();
    std::fs::copy(scripts.join("bootstrap"), &broken).unwrap();
    std::fs::write(&broken, bootstrap.replace("app.handler", "app.no_such_handler")).unwrap();
    std::fs::copy(scripts.join("app.py"), folder.path().join("app.py")).unwrap();

    let server = Server::start(Config::new(vec![
        python_function("python", scripts.join("bootstrap")),
        python_function("broken", broken),
        FunctionConfig { name: "rust".to_owned(), ..test_function() },
        FunctionConfig::new("streaming", Program::executable(example("streaming_function"))),
    ]))
    .await;
    let mut check = Command::new(python());
    check.arg(scripts.join("check.py")).arg(server.address.to_string()).env_clear();
    let output = tokio::task::spawn_blocking(move || check.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    server.stop().await;
}

/// As a user would start it, in the folder of the function and with Python in PATH.
#[tokio::test]
async fn a_command_line_is_a_function() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python");
    let python = python();
    let mut command = Command::new(BINARY);
    command.current_dir(&folder).env("PATH", python.parent().unwrap()).args(["--listen", "127.0.0.1:0"]);
    command.args(["--env", "PYTHONDONTWRITEBYTECODE=1"]);
    command.args(["--function", "found=python -m awslambdaric app.handler"]);
    let with_path = format!("given='{}' -m awslambdaric {}", python.display(), "app.handler");
    command.args(["--function", &with_path]);
    let server = LambdaLocal::spawn(command);
    let client = client(server.address);
    let answer = payload(&invoke(&client, "found", json!({ "n": 1 })).await);
    assert_eq!(answer["event"], json!({ "n": 1 }));
    assert_eq!(answer["handler"], "app.handler");
    assert_eq!(answer["folder"], folder.to_str().unwrap());
    // A program that is given by its path runs in its own folder, where there is no app.py.
    let answer = payload(&invoke(&client, "given", json!({})).await);
    assert_eq!(answer["errorType"], "Runtime.ImportModuleError", "{answer}");
}
