//! Every program on a terminal, as a person starts it: it shows its own lines and nothing else.
//! The tests of lambda_local start `lambda-local` in the same way.

use std::process::Command;

use crate::support::terminal::Terminal;
use crate::support::{Bench, program};

/// What a program shows, and its exit code.
fn shown(mut command: Command) -> (Option<i32>, String) {
    command.env("TERM", "xterm-256color");
    let (status, shown) = Terminal::start(command).finish();
    assert!(!shown.contains('\u{1b}') && !shown.contains("tracing-subscriber"), "{shown}");
    assert!(!shown.contains("panicked"), "{shown}");
    (status.code(), shown)
}

#[test]
fn a_run_shows_its_table() {
    let bench = Bench::new(r#"[{"hostname": "string"}, {"hostname": "throttled"}]"#);
    let (code, shown) = shown(bench.command("-rps 40 -time 0.5 --out out"));
    // The load generator may be late on a busy machine.
    assert!(matches!(code, Some(0 | 4)), "{shown}");
    assert!(
        shown.contains("Issued / completed requests: 20, 10") && shown.contains("WARN throttled: first"),
        "{shown}"
    );
}

#[test]
fn functions_outside_lambda_show_one_line() {
    for name in ["chameleon", "cnn_serving"] {
        let mut command = Command::new(program(name));
        command.env_clear();
        let (code, shown) = shown(command);
        assert_eq!((code, shown.lines().count()), (Some(1), 1), "{shown}");
        assert!(shown.contains("AWS_LAMBDA_RUNTIME_API is not set"), "{shown}");
    }
}

#[test]
fn infer_shows_its_help() {
    let mut command = Command::new(program("infer"));
    command.arg("--help");
    let (code, shown) = shown(command);
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("Usage: infer"), "{shown}");
}
