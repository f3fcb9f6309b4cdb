//! The binary on a terminal: it serves, and shows nothing but its own lines.

use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::support::binary::BINARY;
use crate::support::terminal::Terminal;
use crate::support::{client, example, invoke, payload};

#[tokio::test]
async fn on_a_terminal_it_serves_and_shows_plain_lines() {
    let function = format!("test={}", example("test_function").display());
    let mut command = Command::new(BINARY);
    command.args(["--listen", "127.0.0.1:0", "--function", &function]);
    let mut terminal = Terminal::start(command);
    let shown = terminal.wait_for("\n").to_owned();
    let address = shown.trim().strip_prefix("listening on http://").unwrap_or_else(|| panic!("{shown}"));
    let event = json!({ "do": "print", "text": "hello" });
    let answer = payload(&invoke(&client(address.parse().unwrap()), "test", event).await);
    assert_eq!(answer["invocations"], 1);
    let shown = terminal.wait_for("hello").to_owned();
    assert!(shown.contains("INFO lambda_local::function: "), "{shown}");
    assert!(!shown.contains('\u{1b}') && !shown.contains("tracing-subscriber"), "{shown}");
    kill_process(Pid::from_child(&terminal.process), Signal::INT).unwrap();
    let (status, shown) = terminal.finish();
    assert_eq!(status.code(), Some(0), "{shown}");
}
