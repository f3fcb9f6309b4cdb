//! The binary: it leaves no process behind, however it ends.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::process::{Command, Output};
use std::time::Duration;

use crate::support::binary::{BINARY, LambdaLocal};
use crate::support::docker::run as run_command;
use crate::support::{Server, client, ended, eventually, example, invoke, payload, runs, test_function};
use lambda_local::Config;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

/// The processes of a server's environments.
struct Occupied {
    /// The numbers of those that wait for an event.
    idle: Vec<u64>,
    /// The number of a process that one of them started.
    child: u64,
}

/// Starts three environments, one of them busy for long.
async fn occupy(server: &LambdaLocal) -> Occupied {
    let client = client(server.address);
    let slow = json!({ "do": "sleep", "ms": 300 });
    let idle = tokio::join!(invoke(&client, "test", slow.clone()), invoke(&client, "test", slow));
    let idle = [idle.0, idle.1].iter().map(|output| payload(output)["pid"].as_u64().unwrap()).collect();
    let child = payload(&invoke(&client, "test", json!({ "do": "child" })).await)["child"].as_u64().unwrap();
    assert!(runs(child));
    tokio::spawn(async move {
        // Ends with the server.
        let event = json!({ "do": "sleep", "ms": 60_000 }).to_string().into_bytes();
        let payload = aws_sdk_lambda::primitives::Blob::new(event);
        let _ = client.invoke().function_name("test").payload(payload).send().await;
    });
    Occupied { idle, child }
}

/// A client that has sent half of a request. The server has accepted its connection.
async fn half_a_request(server: &LambdaLocal) -> std::net::TcpStream {
    let mut half = std::net::TcpStream::connect(server.address).unwrap();
    let head = "POST /2015-03-31/functions/test/invocations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{";
    half.write_all(head.as_bytes()).unwrap();
    // Connections are accepted in order.
    invoke(&client(server.address), "test", json!({})).await;
    half
}

/// All processes that `parent` has started, and those that they have started, by number.
fn descendants(parent: u64) -> Vec<u64> {
    let tasks = std::fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten();
    let children_of =
        |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
    let numbers: Vec<_> = tasks.flatten().map(children_of).collect();
    let children: Vec<u64> = numbers
        .iter()
        .flat_map(|line| line.split_whitespace())
        .map(|number| number.parse().unwrap())
        .collect();
    let grandchildren: Vec<u64> = children.iter().flat_map(|child| descendants(*child)).collect();
    [children, grandchildren].concat()
}

/// The process of the server that starts those of the functions.
fn spawner(server: &LambdaLocal) -> Pid {
    let number = run_command(
        "pgrep",
        &["--parent", &server.process.id().to_string(), "--full", "lambda-local --spawn"],
    );
    Pid::from_raw(number.parse().unwrap()).unwrap()
}

#[tokio::test]
async fn every_way_to_stop_ends_all_processes() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::KILL] {
        let mut server = LambdaLocal::start(&[]);
        let Occupied { idle, child } = occupy(&server).await;
        let environments = descendants(server.process.id().into());
        assert!(idle.iter().all(|pid| environments.contains(pid)), "{idle:?} {environments:?}");
        server.signal(signal);
        let status = server.process.wait().unwrap();
        assert_eq!(status.code(), if signal == Signal::KILL { None } else { Some(0) }, "{signal:?}");
        for pid in environments {
            // The child was sent a signal, too, but nobody waits for its end.
            if signal == Signal::KILL || pid == child {
                ended(pid).await;
            } else {
                assert!(!runs(pid), "process {pid} outlived {signal:?}");
            }
        }
        ended(child).await;
    }
}

#[tokio::test]
async fn if_the_spawner_dies_its_processes_end_and_it_is_replaced() {
    let server = LambdaLocal::start(&[]);
    let client = client(server.address);
    let first = payload(&invoke(&client, "test", json!({})).await);
    let busy = tokio::spawn({
        let client = client.clone();
        async move { payload(&invoke(&client, "test", json!({ "do": "hang" })).await) }
    });
    eventually(|| descendants(server.process.id().into()).len() == 2).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    kill_process(spawner(&server), Signal::KILL).unwrap();
    let exited = busy.await.unwrap();
    assert_eq!(exited["errorType"], "Runtime.ExitError", "{exited}");
    ended(first["pid"].as_u64().unwrap()).await;
    assert_eq!(payload(&invoke(&client, "test", json!({})).await)["invocations"], 1);
}

/// Signals for all processes of a terminal or of a name must not end the functions before the server does.
#[tokio::test]
async fn only_the_server_ends_its_spawner() {
    let server = LambdaLocal::start(&[]);
    let client = client(server.address);
    for n in 1..=3 {
        assert_eq!(payload(&invoke(&client, "test", json!({})).await)["invocations"], n);
        for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
            kill_process(spawner(&server), signal).unwrap();
        }
    }
}

#[tokio::test]
async fn it_ends_with_its_standard_input_if_asked_to() {
    let mut server = LambdaLocal::start(&["--exit-with-stdin"]);
    let Occupied { child, .. } = occupy(&server).await;
    let environments = descendants(server.process.id().into());
    drop(server.process.stdin.take());
    assert!(server.process.wait().unwrap().success());
    assert!(environments.into_iter().all(|pid| pid == child || !runs(pid)));
    ended(child).await;
}

#[tokio::test]
async fn what_a_function_started_ends_with_it() {
    let server = Server::start(Config::new(vec![test_function()])).await;
    let client = server.client();
    let child = payload(&invoke(&client, "test", json!({ "do": "child" })).await)["child"].as_u64().unwrap();
    assert!(runs(child));
    let exited = payload(&invoke(&client, "test", json!({ "do": "exit", "code": 1 })).await);
    assert_eq!(exited["errorType"], "Runtime.ExitError");
    ended(child).await;
    server.stop().await;
}

#[tokio::test]
async fn idle_environments_are_reaped() {
    let config = Config { idle_timeout: Duration::from_millis(50), ..Config::new(vec![test_function()]) };
    let server = Server::start(config).await;
    let client = server.client();
    let first = payload(&invoke(&client, "test", json!({})).await)["pid"].as_u64().unwrap();
    ended(first).await;
    let second = payload(&invoke(&client, "test", json!({})).await);
    assert_eq!(second["invocations"], 1);
    server.stop().await;
}

#[tokio::test]
async fn variables_are_passed_on_when_named() {
    let server = LambdaLocal::start(&[
        "--env",
        "GIVEN=1",
        "--env",
        "PATH",
        "--region",
        "eu-west-1",
        "--memory",
        "128",
    ]);
    let seen = payload(&invoke(&client(server.address), "test", json!({ "do": "describe" })).await);
    let environment = &seen["environment"];
    assert_eq!(environment["GIVEN"], "1");
    assert_eq!(environment["PATH"], std::env::var("PATH").unwrap());
    assert_eq!(environment["AWS_REGION"], "eu-west-1");
    assert_eq!(environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "128");
    assert_eq!(environment.get("CARGO_MANIFEST_DIR"), None);
}

#[tokio::test]
async fn a_client_that_is_half_way_does_not_keep_it_from_stopping() {
    let mut server = LambdaLocal::start(&[]);
    let _half = half_a_request(&server).await;
    server.signal(Signal::TERM);
    assert!(server.process.wait().unwrap().success());
}

/// When a terminal is closed, its shell sends a signal, and the kernel sends another one.
#[tokio::test]
async fn signals_right_after_one_another_are_one() {
    let mut server = LambdaLocal::start(&[]);
    let _half = half_a_request(&server).await;
    server.signal(Signal::HUP);
    tokio::time::sleep(Duration::from_millis(20)).await;
    server.signal(Signal::HUP);
    assert!(server.process.wait().unwrap().success());
}

#[tokio::test]
async fn a_second_signal_stops_at_once() {
    let mut server = LambdaLocal::start(&[]);
    let Occupied { child, .. } = occupy(&server).await;
    let environments = descendants(server.process.id().into());
    // The server waits for this client, so that there is time for a second signal.
    let _half = half_a_request(&server).await;
    eventually(|| {
        server.signal(Signal::INT);
        server.process.try_wait().unwrap().is_some()
    })
    .await;
    assert_eq!(server.process.wait().unwrap().code(), Some(1));
    for pid in environments.into_iter().chain([child]) {
        ended(pid).await;
    }
}

#[tokio::test]
async fn it_can_be_stopped_while_docker_does_not_answer() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let docker = UnixListener::bind(&socket).unwrap();
    docker.set_nonblocking(true).unwrap();
    let mut command = Command::new(BINARY);
    command.args(["--listen", "127.0.0.1:0", "--image", "f=image"]);
    command.env("DOCKER_HOST", format!("unix://{}", socket.display()));
    let mut server = command.spawn().unwrap();
    let mut asked = None;
    eventually(|| {
        asked = docker.accept().ok();
        asked.is_some()
    })
    .await;
    kill_process(Pid::from_child(&server), Signal::TERM).unwrap();
    assert_eq!(server.wait().unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_log_that_nobody_reads_any_more_changes_nothing() {
    let mut server = LambdaLocal::start(&["--concurrency", "1"]);
    drop(server.process.stderr.take());
    let client = client(server.address);
    for n in 1..=3 {
        let answer = payload(&invoke(&client, "test", json!({ "do": "print", "text": "x" })).await);
        assert_eq!(answer["invocations"], n);
    }
    server.signal(Signal::TERM);
    assert!(server.process.wait().unwrap().success());
}

#[test]
fn a_standard_output_that_nobody_reads_is_an_error() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let args = ["--listen", "127.0.0.1:0", "--function", "f=/bin/sh"];
    let output = Command::new(BINARY).args(args).stdout(writer).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("cannot write to standard output"), "{message}");
}

#[tokio::test]
async fn a_shortage_of_files_is_not_the_fault_of_the_function() {
    let function = example("test_function");
    let script =
        format!("ulimit -n 40; exec {BINARY} --listen 127.0.0.1:0 --function test={}", function.display());
    let mut command = Command::new("sh");
    command.args(["-c", &script]);
    let server = LambdaLocal::spawn(command);
    let client = client(server.address);
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let payload = aws_sdk_lambda::primitives::Blob::new(r#"{"do":"sleep","ms":500}"#);
        calls.spawn(client.invoke().function_name("test").payload(payload).send());
    }
    let results = calls.join_all().await;
    assert!(results.iter().any(Result::is_err), "40 files were enough");
    for output in results.into_iter().flatten() {
        assert_eq!(output.function_error(), None, "{}", payload(&output));
    }
}

#[test]
fn an_address_beyond_loopback_is_pointed_out() {
    let mut server = LambdaLocal::listen("0.0.0.0:0", &[]);
    server.signal(Signal::TERM);
    let mut log = String::new();
    server.process.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.contains("can be reached from other machines"), "{log}");
    server.process.wait().unwrap();
}

fn run(args: &[&str]) -> Output {
    Command::new(BINARY).args(args).output().unwrap()
}

#[test]
fn mistakes_on_the_command_line_are_explained() {
    for (args, code, expected) in [
        (&["--function", "f=/no/such/program"][..], 1, "cannot find the program /no/such/program"),
        (
            &["--function", "f=no-such-program -m app"],
            1,
            "cannot find the program no-such-program in a folder of PATH",
        ),
        (&["--function", "f=sh -c 'exit"], 1, "--function f=sh -c 'exit: a quote is not closed"),
        (&["--function", "f=/etc/passwd"], 1, "/etc/passwd is not a program that may be executed"),
        (&["--function", "f=/bin/sh", "--function", "f=/bin/sh"], 1, "the function \"f\" is given twice"),
        (&["--function", "f=/bin/sh", "--listen", "192.0.2.1:1"], 1, "cannot listen on 192.0.2.1:1"),
        (&["--function", "f=/bin/sh", "--listen", "here"], 2, "expected HOST:PORT, such as 127.0.0.1:9000"),
        (
            &["--function", "f=/bin/sh", "--listen", "no.such.name.invalid:1"],
            1,
            "expected an address or a name of this",
        ),
        (
            &["--function", "f=/bin/sh", "--env", "NOT_SET_HERE"],
            1,
            "--env NOT_SET_HERE: NOT_SET_HERE is not set here",
        ),
        (
            &["--function", "f=/bin/sh", "--memory", "g=512"],
            1,
            "--memory is given for the function \"g\"; expected one of f",
        ),
        (&["--config", "/no/such/file.toml"], 1, "/no/such/file.toml: cannot open the file"),
        (
            &[],
            2,
            "<--function <NAME=COMMAND>|--image <NAME=IMAGE>|--image-as-process <NAME=IMAGE>|--config <FILE>|--inject <FILE>>",
        ),
    ] {
        let output = run(args);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {message}");
        assert!(message.replace("\n\nCaused by:\n    ", ": ").contains(expected), "{args:?}: {message}");
        assert!(output.stdout.is_empty());
    }
}
