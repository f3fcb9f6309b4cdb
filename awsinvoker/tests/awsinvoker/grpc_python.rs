//! A server that is not ours: vHive's functions in Python use this library for gRPC.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Bench, assert_complete, stderr};

struct Server {
    process: Child,
    stdout: BufReader<ChildStdout>,
    port: u16,
}

impl Server {
    fn start() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = root.join("../assets/venv/bin/python");
        assert!(python.exists(), "{} is missing: run ./scripts/setup.sh", python.display());
        let mut command = Command::new(python);
        command.arg(root.join("tests/greeter_server.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap_or_else(|_| panic!("it said `{line}`: run ./scripts/setup.sh"));
        Self { process, stdout, port }
    }

    /// Ends it, and returns what it counted.
    fn counted(mut self) -> Value {
        drop(self.process.stdin.take());
        let mut text = String::new();
        self.stdout.read_to_string(&mut text).unwrap();
        assert!(self.process.wait().unwrap().success());
        serde_json::from_str(&text).unwrap()
    }
}

/// The second entry is as in vSwarm's files: a host name with a dot, and nothing that says what to send.
const OF_VSWARM: &str = r#"[
    {"hostname": "localhost", "protocol": "greeter", "payload": "Invoke relay"},
    {"hostname": "127.0.0.1", "eventing": false, "matchers": {}},
    {"hostname": "localhost", "protocol": "greeter", "payload": "fail 8", "label": "throttled"},
    {"hostname": "localhost", "protocol": "greeter", "payload": "fail 2", "label": "function"},
    {"hostname": "localhost", "protocol": "greeter", "payload": "fail 14", "label": "transport"},
    {"hostname": "localhost", "protocol": "greeter", "payload": "fail 12", "label": "service"}
]"#;

/// A run of 120 calls with this flag for connections; returns how many connections the server saw.
fn run(connections: &str) -> u64 {
    let server = Server::start();
    let bench = Bench::new(OF_VSWARM);
    let line = format!(
        "-endpointsFile endpoints.json -port={} -grpcTimeout 30 -rps 60 -time 2 --out out",
        server.port
    );
    let output = bench.bare_command(&format!("{line} --connections {connections}")).output().unwrap();
    assert_complete(&output);
    let summary = bench.summary();
    let ended = ["ok", "ok", "throttled", "function_error", "transport", "service_error"];
    for (index, outcome) in ended.into_iter().enumerate() {
        let endpoint = &summary["endpoints"][index];
        assert_eq!(endpoint["outcomes"][outcome], 20, "{endpoint}\n{}", stderr(&output));
        assert_eq!(endpoint["cold_starts"], Value::Null, "the server tells nothing of itself");
    }
    let counted = server.counted();
    let names = json!({ "Invoke relay": 40, "fail 8": 20, "fail 2": 20, "fail 14": 20, "fail 12": 20 });
    assert_eq!(counted["names"], names, "each call arrived once");
    counted["connections"].as_u64().unwrap()
}

#[test]
fn a_server_in_python_gets_each_call_once_on_connections_that_are_used_again() {
    assert!(run("pooled") < 120);
}

#[test]
fn a_server_in_python_gets_a_connection_for_each_call() {
    assert_eq!(run("per-call"), 120);
}
