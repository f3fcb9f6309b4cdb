//! The binary on a terminal: it serves, and shows nothing but its own lines.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::support::binary::serve_on_terminal;
use crate::support::{client, invoke, payload};

#[tokio::test]
async fn on_a_terminal_it_serves_and_shows_plain_lines() {
    let (mut terminal, address) = serve_on_terminal();
    let event = json!({ "do": "print", "text": "hello" });
    let answer = payload(&invoke(&client(address), "test", event).await);
    assert_eq!(answer["invocations"], 1);
    let shown = terminal.wait_for("hello").to_owned();
    assert!(shown.contains("INFO lambda_local::function: "), "{shown}");
    assert!(!shown.contains('\u{1b}') && !shown.contains("tracing-subscriber"), "{shown}");
    kill_process(Pid::from_child(&terminal.process), Signal::INT).unwrap();
    let (status, shown) = terminal.finish();
    assert_eq!(status.code(), Some(0), "{shown}");
}
