//! Settings of single functions, from the command line and from a file.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::binary::{BINARY, LambdaLocal};
use crate::support::{client, example, invoke, payload};

/// A folder that holds the test function, and this file of functions.
fn folder(file: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(example("test_function"), folder.path().join("program")).unwrap();
    fs::write(folder.path().join("functions.toml"), file).unwrap();
    folder
}

fn with_file(folder: &Path, args: &[&str]) -> LambdaLocal {
    let mut command = Command::new(BINARY);
    command.args(["--listen", "127.0.0.1:0", "--config"]).arg(folder.join("functions.toml"));
    command.args(args).env("OWN", "of lambda-local");
    LambdaLocal::spawn(command)
}

async fn environment(address: SocketAddr, function: &str) -> Value {
    payload(&invoke(&client(address), function, json!({ "do": "describe" })).await)["environment"].clone()
}

#[tokio::test]
async fn functions_of_a_file_have_their_own_settings() {
    let folder = folder(
        r#"
        [functions.small]
        command = "./program"
        memory = 128
        timeout = 1
        inherit = ["OWN"]
        env = { WHO = "small", ALL = "file" }

        [functions.large]
        command = "./program"
        "#,
    );
    let args = ["--memory", "1024", "--env", "ALL=flag", "--env", "small:LAST=flag"];
    let server = with_file(folder.path(), &args);
    let small = environment(server.address, "small").await;
    assert_eq!(small["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "128");
    assert_eq!((&small["WHO"], &small["OWN"]), (&json!("small"), &json!("of lambda-local")));
    assert_eq!((&small["ALL"], &small["LAST"]), (&json!("file"), &json!("flag")));
    assert_eq!(small["LAMBDA_TASK_ROOT"], folder.path().to_str().unwrap());
    let large = environment(server.address, "large").await;
    assert_eq!(large["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "1024");
    assert_eq!(large["ALL"], "flag");
    assert_eq!((large.get("WHO"), large.get("OWN"), large.get("LAST")), (None, None, None));

    let sleep = json!({ "do": "sleep", "ms": 1500 });
    let client = client(server.address);
    let (small, large) =
        tokio::join!(invoke(&client, "small", sleep.clone()), invoke(&client, "large", sleep));
    assert_eq!(payload(&small)["errorType"], "Sandbox.Timedout");
    assert_eq!(large.function_error(), None);
}

#[tokio::test]
async fn a_flag_that_names_a_function_is_for_this_function() {
    let second = format!("second={}", example("test_function").display());
    let server =
        LambdaLocal::start(&["--function", &second, "--memory", "second=256", "--env", "test:WHO=first"]);
    let first = environment(server.address, "test").await;
    assert_eq!((&first["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], &first["WHO"]), (&json!("512"), &json!("first")));
    let second = environment(server.address, "second").await;
    assert_eq!((&second["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], second.get("WHO")), (&json!("256"), None));
}

#[test]
fn mistakes_in_a_file_name_the_file_and_the_field() {
    for (file, expected) in [
        (
            "[functions.f]\ncommand = \"./program\"\nmemory = 64",
            "functions.f.memory is 64; expected a whole number of MB",
        ),
        ("[functions.f]\ncommand = \"./missing\"", "functions.f.command: cannot find the program "),
        (
            "[functions.f]\ncommand = \"./program\"\ninherit = [\"NOT_SET_HERE\"]",
            "functions.f.inherit names NOT_SET_HERE, which is not set here",
        ),
        ("[functions.f]\n[functions.f]", "line 2: "),
    ] {
        let folder = folder(file);
        let path = folder.path().join("functions.toml");
        let output = Command::new(BINARY).arg("--config").arg(&path).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{file}: {message}");
        assert!(message.contains(&format!("{}: {expected}", path.display())), "{file}: {message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
}

#[tokio::test]
async fn a_name_of_this_machine_can_be_listened_on() {
    let server = LambdaLocal::listen("localhost:0", &[]);
    assert!(server.address.ip().is_loopback());
    assert_eq!(payload(&invoke(&client(server.address), "test", json!({})).await)["invocations"], 1);
}
