//! Injected functions, as a client sees them that looks at every byte.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::support::binary::{BINARY, LambdaLocal};

const PLAN: &str = r#"
[functions.fast]
latency.constant = { ms = 1 }
[functions.slow]
latency.constant = { ms = 300 }
[functions.endless]
latency.constant = { ms = 900000 }
[functions.reset]
latency.constant = { ms = 1 }
resets = { share = 1 }
[functions.garbage]
latency.constant = { ms = 1 }
garbage = { share = 1 }
[functions.throttled]
latency.constant = { ms = 1 }
throttles = { share = 1, reason = "FunctionInvocationRateLimitExceeded" }
[functions.failing]
latency.constant = { ms = 1 }
function_errors = { share = 1 }
cold_starts = { share = 1, init.constant = { ms = 20 } }
[functions.stalling]
latency.constant = { ms = 1 }
stalls = { share = 1, ms = 200 }
"#;

struct Server {
    folder: TempDir,
    lambda: LambdaLocal,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [plan, truth] = ["plan.toml", "truth.csv"].map(|name| folder.path().join(name));
        std::fs::write(&plan, PLAN).unwrap();
        let lambda = LambdaLocal::run(&[
            "--listen",
            "127.0.0.1:0",
            "--inject",
            plan.to_str().unwrap(),
            "--truth",
            truth.to_str().unwrap(),
        ]);
        Self { folder, lambda }
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(self.lambda.address).unwrap()
    }

    /// Sends a request of its own connection and returns all that comes until the connection ends.
    fn call(&self, function: &str, headers: &str) -> std::io::Result<String> {
        let mut stream = self.connect();
        stream.write_all(
            request(self.lambda.address, function, &format!("connection: close\r\n{headers}")).as_bytes(),
        )?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// Stops the server, which then has told everything: function, kind, and how it ended.
    fn truth(mut self) -> Vec<(String, String, String)> {
        self.lambda.signal(Signal::TERM);
        assert!(self.lambda.process.wait().unwrap().success());
        let text = std::fs::read_to_string(self.folder.path().join("truth.csv")).unwrap();
        let rows = text.lines().skip(1).map(|line| {
            let fields: Vec<_> = line.split(',').map(str::to_owned).collect();
            assert_eq!(fields.len(), 10, "{line}");
            (fields[1].clone(), fields[3].clone(), fields[9].clone())
        });
        rows.collect()
    }
}

fn request(address: SocketAddr, function: &str, headers: &str) -> String {
    format!(
        "POST /2015-03-31/functions/{function}/invocations HTTP/1.1\r\nhost: {address}\r\ncontent-length: 2\r\n{headers}\r\n{{}}"
    )
}

fn row(function: &str, kind: &str, ending: &str) -> (String, String, String) {
    (function.to_owned(), kind.to_owned(), ending.to_owned())
}

#[test]
fn every_kind_of_answer_as_it_comes() {
    let server = Server::start();
    let fast = server.call("fast", "").unwrap();
    assert!(fast.starts_with("HTTP/1.1 200 OK\r\n") && fast.contains(r#"\"latency\":0.001"#), "{fast}");
    let error = server.call("reset", "").unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let garbage = server.call("garbage", "").unwrap();
    assert!(garbage.contains("garbage") && !garbage.contains("HTTP"), "{garbage:?}");
    let throttled = server.call("throttled", "").unwrap();
    assert!(
        throttled.starts_with("HTTP/1.1 429 ") && throttled.contains("FunctionInvocationRateLimitExceeded"),
        "{throttled}"
    );
    assert!(throttled.contains("retry-after: 1\r\n"), "{throttled}");
    let failing = server.call("failing", "x-amz-log-type: Tail\r\n").unwrap();
    assert!(
        failing.starts_with("HTTP/1.1 200 ") && failing.contains("x-amz-function-error: Unhandled"),
        "{failing}"
    );
    assert!(failing.contains("InjectedError") && failing.contains("x-amz-log-result: "), "{failing}");
    let began = Instant::now();
    let stalled = server.call("stalling", "").unwrap();
    assert!(
        stalled.contains(r#"\"latency\":0.001"#) && began.elapsed() >= Duration::from_millis(201),
        "{stalled}"
    );
    let expected = [
        row("fast", "answer", "written"),
        row("reset", "reset", "reset"),
        row("garbage", "garbage", "written"),
        row("throttled", "throttle", "written"),
        row("failing", "function_error", "written"),
        row("stalling", "stall", "written"),
    ];
    assert_eq!(server.truth(), expected);
}

#[test]
fn requests_that_are_not_drawn_are_not_told() {
    let server = Server::start();
    for (function, headers, status) in [
        ("nosuch", "", "404"),
        ("fast:9", "", "404"),
        ("fast", "x-amz-invocation-type: Event\r\n", "501"),
        ("fast", "x-amz-invocation-type: DryRun\r\n", "204"),
        ("fast", "x-amz-log-type: Head\r\n", "400"),
    ] {
        let answer = server.call(function, headers).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    assert_eq!(server.truth(), []);
}

#[test]
fn requests_that_come_at_once_are_answered_in_turn() {
    let server = Server::start();
    let mut stream = server.connect();
    let address = server.lambda.address;
    let all = request(address, "slow", "")
        + &request(address, "nosuch", "")
        + &request(address, "fast", "connection: close\r\n");
    stream.write_all(all.as_bytes()).unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    let [slow, unknown, fast] = [r#"\"latency\":0.3"#, "Function not found", r#"\"latency\":0.001"#]
        .map(|answer| answers.find(answer).unwrap());
    assert!(slow < unknown && unknown < fast, "{answers}");
    assert_eq!(server.truth(), [row("slow", "answer", "written"), row("fast", "answer", "written")]);
}

#[test]
fn a_client_that_leaves_is_told_from_one_that_gets_its_answer() {
    let server = Server::start();
    let mut stream = server.connect();
    stream.write_all(request(server.lambda.address, "slow", "").as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    stream.shutdown(Shutdown::Both).unwrap();
    // It is told when its answer would have been due.
    assert!(server.call("slow", "").is_ok());
    assert_eq!(server.truth(), [row("slow", "answer", "client_gone"), row("slow", "answer", "written")]);
}

#[test]
fn a_server_that_stops_tells_what_was_under_way() {
    let server = Server::start();
    let mut stream = server.connect();
    stream.write_all(request(server.lambda.address, "endless", "").as_bytes()).unwrap();
    assert!(server.call("slow", "").is_ok());
    // The client may have its answer before the server has noted that it was written.
    let mut truth = server.truth();
    truth.sort_unstable();
    assert_eq!(truth, [row("endless", "answer", "stopped"), row("slow", "answer", "written")]);
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "the connection is closed");
}

#[test]
fn what_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("plan.toml"), "[functions.f]\nlatency.constant = { ms = -1 }\n").unwrap();
    std::fs::write(path("good.toml"), "[functions.f]\nlatency.constant = { ms = 1 }\n").unwrap();
    std::fs::write(path("truth.csv"), "").unwrap();
    let run = |plan: &Path, truth: &Path| {
        let mut command = std::process::Command::new(BINARY);
        let command =
            command.args(["--listen", "127.0.0.1:0", "--inject"]).arg(plan).arg("--truth").arg(truth);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let error = run(&path("plan.toml"), &path("new.csv"));
    assert!(error.contains("plan.toml: functions.f.latency.constant.ms is -1; expected a number"), "{error}");
    let error = run(&path("good.toml"), &path("truth.csv"));
    assert!(error.contains("truth.csv exists already; expected the name of a new file"), "{error}");
    let error = run(&path("good.toml"), &path("no/such/folder.csv"));
    assert!(error.contains("cannot write the truth file") && error.contains("No such file"), "{error}");
}
