//! Looking at functions and changing their settings, with AWS's clients.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use aws_sdk_lambda::types::PackageType;
use serde_json::{Value, json};

use crate::python::python;
use crate::support::binary::{BINARY, LambdaLocal};
use crate::support::docker::{containers_of, image_of, run};
use crate::support::{client, eventually, example, invoke, payload};

/// Two functions, which the script `manage.py` describes.
fn start(args: &[&str]) -> LambdaLocal {
    let program = example("test_function");
    let mut command = Command::new(BINARY);
    command.args(["--listen", "127.0.0.1:0"]);
    command.arg("--function").arg(format!("one='{}' --flag app.handler", program.display()));
    command.arg("--function").arg(format!("two={}", program.display()));
    command.args(["--memory", "two=1769", "--timeout", "two=3", "--env", "two:WHO=two"]).args(args);
    command.env("AWS_ACCESS_KEY_ID", "of-lambda-local");
    LambdaLocal::spawn(command)
}

fn assert_success(output: &Output) {
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{error}");
}

#[test]
fn boto3_manages_functions_as_on_lambda() {
    let server = start(&[]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/manage.py");
    let mut check = Command::new(python());
    check.arg(script).arg(server.address.to_string()).arg(example("test_function")).env_clear();
    assert_success(&check.output().unwrap());
}

/// Both versions of the AWS CLI, if this machine has both.
fn clis() -> Vec<PathBuf> {
    let version_1 = python().with_file_name("aws");
    assert!(version_1.exists(), "{} is missing: run ./scripts/setup.sh", version_1.display());
    let version_2 = PathBuf::from("/usr/bin/aws");
    [version_1, version_2].into_iter().filter(|cli| cli.exists()).collect()
}

fn aws(cli: &Path, address: SocketAddr, args: &[&str]) -> Output {
    let mut command = Command::new(cli);
    command.args(["lambda", "--output", "json", "--endpoint-url", &format!("http://{address}")]).args(args);
    command.env_clear().env("HOME", "/nonexistent").env("PATH", std::env::var("PATH").unwrap());
    command.env("AWS_ACCESS_KEY_ID", "local").env("AWS_SECRET_ACCESS_KEY", "local");
    command.env("AWS_DEFAULT_REGION", "us-east-1").env("AWS_PAGER", "");
    command.output().unwrap()
}

#[test]
fn the_aws_cli_manages_functions_as_on_lambda() {
    let server = start(&[]);
    for cli in clis() {
        let run = |args: &[&str]| -> Value {
            let output = aws(&cli, server.address, args);
            assert_success(&output);
            serde_json::from_slice(&output.stdout).unwrap_or_default()
        };
        run(&["wait", "function-active-v2", "--function-name", "one"]);
        let update = ["update-function-configuration", "--function-name", "one", "--memory-size", "1024"];
        assert_eq!(run(&update)["MemorySize"], 1024);
        run(&["wait", "function-updated-v2", "--function-name", "one"]);
        let configuration = run(&["get-function-configuration", "--function-name", "one"]);
        assert_eq!((&configuration["MemorySize"], &configuration["State"]), (&1024.into(), &"Active".into()));
        assert_eq!(configuration.get("LambdaLocal"), None, "a client shows what it knows");
        assert_eq!(run(&["list-functions"])["Functions"].as_array().unwrap().len(), 2);
        let limits = &run(&["get-account-settings"])["AccountLimit"];
        assert_eq!(limits["ConcurrentExecutions"], 1000);
        let reserve =
            ["put-function-concurrency", "--function-name", "one", "--reserved-concurrent-executions", "7"];
        assert_eq!(run(&reserve)["ReservedConcurrentExecutions"], 7);
        run(&["delete-function-concurrency", "--function-name", "one"]);
        let unknown = aws(&cli, server.address, &["get-function", "--function-name", "nobody"]);
        let error = String::from_utf8_lossy(&unknown.stderr);
        assert!(error.contains("ResourceNotFoundException"), "{error}");
    }
}

#[test]
fn concurrency_of_the_command_line_is_reserved_and_provisioned() {
    let server = start(&[
        "--reserved-concurrency",
        "one=7",
        "--reserved-concurrency",
        "two=5",
        "--provisioned-concurrency",
        "two=1",
    ]);
    let cli = &clis()[0];
    let run = |args: &[&str]| -> Value {
        let output = aws(cli, server.address, args);
        assert_success(&output);
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let reserved = run(&["get-function-concurrency", "--function-name", "one"]);
    assert_eq!(reserved["ReservedConcurrentExecutions"], 7);
    let provisioned =
        ["get-provisioned-concurrency-config", "--function-name", "two", "--qualifier", "$LATEST"];
    assert_eq!(run(&provisioned)["RequestedProvisionedConcurrentExecutions"], 1);
    assert_eq!(run(&["get-account-settings"])["AccountLimit"]["UnreservedConcurrentExecutions"], 988);
}

#[test]
fn more_concurrency_than_the_account_has_is_refused_at_the_start() {
    let function = format!("f={}", example("test_function").display());
    for (flag, value) in [("--reserved-concurrency", "f=10"), ("--provisioned-concurrency", "f=10")] {
        let args = ["--listen", "127.0.0.1:0", "--function", &function, "--concurrency", "10", flag, value];
        let output = Command::new(BINARY).args(args).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{message}");
        let expected = "cannot reserve or provision concurrency for the function \"f\": Specified ";
        assert!(message.contains(expected) && message.contains("minimum value of [1]"), "{message}");
    }
}

/// An update of a function in containers: the next request gets a container with the new limit.
#[tokio::test]
#[ignore = "needs Docker"]
async fn images_are_told_by_their_ids_and_limited_as_updated() {
    let server = LambdaLocal::in_containers(&["--memory", "512"]);
    let client = client(server.address);
    invoke(&client, "test", json!({})).await;
    let id = run("docker", &["image", "inspect", "--format", "{{.Id}}", &image_of("test_function")]);
    let described = client.get_function().function_name("test").send().await.unwrap();
    let code = described.code().unwrap();
    assert_eq!(code.image_uri(), Some(&*image_of("test_function")));
    assert_eq!(code.resolved_image_uri(), Some(&*id));
    let configuration = described.configuration().unwrap();
    assert_eq!(configuration.code_sha256(), id.strip_prefix("sha256:"));
    assert_eq!(configuration.package_type().map(PackageType::as_str), Some("Image"));

    client.update_function_configuration().function_name("test").memory_size(256).send().await.unwrap();
    let seen = payload(&invoke(&client, "test", json!({ "do": "describe" })).await);
    assert_eq!(seen["environment"]["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "256");
    let limit = |id: &String| run("docker", &["inspect", "--format", "{{.HostConfig.Memory}}", id]);
    eventually(|| {
        // The container of the old settings is removed in the background.
        let containers = containers_of(server.process.id());
        containers.len() == 1 && limit(&containers[0]) == (256 << 20).to_string()
    })
    .await;
}
