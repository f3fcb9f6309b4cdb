//! AWS's Python client against functions on AWS's Python and Rust runtimes.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Server, test_function};
use lambda_local::{Config, FunctionConfig, Program};

/// The interpreter with the packages that the tests use.
fn python() -> PathBuf {
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
    ]))
    .await;
    let mut check = Command::new(python());
    check.arg(scripts.join("check.py")).arg(server.address.to_string()).env_clear();
    let output = tokio::task::spawn_blocking(move || check.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    server.stop().await;
}
