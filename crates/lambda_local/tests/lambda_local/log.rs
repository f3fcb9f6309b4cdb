//! The log on standard error: it never makes anything wait.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::support::binary::{BINARY, LambdaLocal, serve_on_terminal};
use crate::support::{client, eventually, example, invoke, payload};

/// How many lines the function prints: more than a pipe and the backlog hold.
const LINES: usize = 40_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_not_read_stops_nothing_and_tells_what_is_missing() {
    let mut server = LambdaLocal::start(&[]);
    let client = client(server.address);
    for n in 1..=2 {
        let flood = json!({ "do": "flood", "lines": LINES / 2 });
        assert_eq!(payload(&invoke(&client, "test", flood).await)["invocations"], n);
    }
    let log = BufReader::new(server.process.stderr.take().unwrap());
    let (mut printed, mut missing, mut lines) = (0, 0, log.lines().map(Result::unwrap));
    let mut read_until = |end: &str| {
        for line in lines.by_ref() {
            printed += usize::from(line.contains(": line "));
            let gap = line.strip_prefix("lambda-local: ").and_then(|gap| gap.split_once(" lines of the log"));
            missing += gap.map_or(0, |(count, _)| count.parse::<usize>().unwrap());
            if line.contains(end) {
                return;
            }
        }
        panic!("the log ended without {end:?}");
    };
    read_until("lines of the log are missing here");
    // The log goes on.
    invoke(&client, "test", json!({ "do": "print", "text": "the last words" })).await;
    read_until("the last words");
    assert!(missing > 0 && printed > 0, "{printed} lines printed, {missing} missing");
    assert_eq!(printed + missing, LINES);
    server.signal(Signal::TERM);
    assert!(server.process.wait().unwrap().success());
}

#[tokio::test]
async fn a_log_that_is_not_read_does_not_keep_it_from_stopping() {
    let mut server = LambdaLocal::start(&[]);
    invoke(&client(server.address), "test", json!({ "do": "flood", "lines": LINES })).await;
    server.signal(Signal::TERM);
    eventually(|| server.process.try_wait().unwrap().is_some()).await;
    assert_eq!(server.process.wait().unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_terminal_that_is_stopped_stops_nothing_else() {
    let (mut terminal, address) = serve_on_terminal();
    let client = client(address);
    // Ctrl-S.
    terminal.press(b"\x13");
    for n in 1..=3 {
        let answer = payload(&invoke(&client, "test", json!({ "do": "flood", "lines": 1000 })).await);
        assert_eq!(answer["invocations"], n);
    }
    kill_process(Pid::from_child(&terminal.process), Signal::TERM).unwrap();
    eventually(|| terminal.process.try_wait().unwrap().is_some()).await;
    assert_eq!(terminal.process.wait().unwrap().code(), Some(0));
}

/// As `nohup` does with SIGHUP, and a shell with SIGINT for a command that ends in `&`.
#[tokio::test]
async fn signals_that_were_ignored_at_the_start_stay_ignored() {
    let function = format!("test={}", example("test_function").display());
    let script = format!("trap '' INT HUP; exec {BINARY} --listen 127.0.0.1:0 --function {function}");
    let mut command = Command::new("sh");
    command.args(["-c", &script]);
    let mut server = LambdaLocal::spawn(command);
    let client = client(server.address);
    for (n, signal) in [(1, Signal::INT), (2, Signal::HUP)] {
        server.signal(signal);
        assert_eq!(payload(&invoke(&client, "test", json!({})).await)["invocations"], n);
    }
    server.signal(Signal::TERM);
    assert_eq!(server.process.wait().unwrap().code(), Some(0));
}

/// A standard output that is full keeps it from starting, but not from stopping.
#[tokio::test]
async fn a_standard_output_that_is_not_read_does_not_keep_it_from_stopping() {
    let (_reader, mut writer) = std::io::pipe().unwrap();
    // As much as a pipe holds.
    std::io::Write::write_all(&mut writer, &vec![b'x'; 64 * 1024]).unwrap();
    let args = ["--listen", "127.0.0.1:0", "--function", "f=/bin/sh"];
    let mut process = Command::new(BINARY).args(args).stdout(writer).stderr(Stdio::null()).spawn().unwrap();
    let pid = Pid::from_child(&process);
    // It may not watch for signals yet. Then the first one ends it.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    kill_process(pid, Signal::TERM).unwrap();
    eventually(|| process.try_wait().unwrap().is_some()).await;
    assert_eq!(process.wait().unwrap().code(), Some(0));
}
