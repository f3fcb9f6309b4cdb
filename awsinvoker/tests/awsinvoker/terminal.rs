//! Every program on a terminal, as a person starts it: it shows its own lines and nothing else.
//! The tests of lambda_local start `lambda-local` in the same way.

use std::process::Command;

use crate::support::terminal::Terminal;
use crate::support::{Bench, program};

const CTRL_S: u8 = 0x13;
const CTRL_Q: u8 = 0x11;

/// What a program shows, and its exit code.
fn shown(mut command: Command) -> (Option<i32>, String) {
    command.env("TERM", "xterm-256color");
    let (status, shown) = Terminal::start(command).finish();
    assert!(!shown.contains("tracing-subscriber") && !shown.contains("panicked"), "{shown}");
    (status.code(), shown)
}

/// What stays on the screen of lines that were drawn again.
fn left(shown: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for part in shown.split("\u{1b}[") {
        let mut rest = part;
        if let Some((rows, after)) = part.split_once('A').filter(|(rows, _)| rows.parse::<usize>().is_ok()) {
            lines.truncate(lines.len() - rows.parse::<usize>().unwrap());
            rest = after;
        }
        lines.extend(rest.trim_start_matches("J").lines().filter(|line| !line.trim().is_empty()));
    }
    lines.join("\n")
}

#[test]
fn a_run_shows_how_it_goes_and_leaves_its_table() {
    let bench = Bench::new(r#"[{"hostname": "string"}, {"hostname": "throttled"}]"#);
    let (code, shown) = shown(bench.command("-rps 40 -time 0.8 --out out"));
    // The load generator may be late on a busy machine.
    assert!(matches!(code, Some(0 | 4)), "{shown}");
    assert!(shown.contains(" of 0.8 s   sent ") && shown.contains(" last failure: throttled: "), "{shown}");
    let left = left(&shown);
    assert!(
        left.contains("Issued / completed requests: 32, 16") && left.contains("WARN throttled: first"),
        "{left}"
    );
    assert!(!left.contains(" last failure: ") && !left.contains(" in flight "), "{left}");
}

#[test]
fn a_terminal_that_is_stopped_stops_no_run() {
    let bench = Bench::new(r#"[{"hostname": "string"}, {"hostname": "throttled"}]"#);
    let mut command = bench.command("-rps 40 -time 1 --out out");
    command.env("TERM", "xterm-256color");
    let mut terminal = Terminal::start(command);
    terminal.wait_for(" of 1 s   sent ");
    terminal.press(&[CTRL_S]);
    // Written after the last call, whether the terminal shows it or not.
    bench.wait_for("out/summary.json");
    terminal.press(&[CTRL_Q]);
    let (status, shown) = terminal.finish();
    assert!(matches!(status.code(), Some(0 | 4)), "{shown}");
    assert!(left(&shown).contains("Issued / completed requests: 40, 20"), "{shown}");
    assert_eq!(bench.samples().len(), 40);
}

#[test]
fn a_view_that_is_not_wanted_or_cannot_be_drawn_is_not_there() {
    let bench = Bench::new(r#"[{"hostname": "string"}]"#);
    for (number, flag) in ["--quiet", "-dbg", ""].into_iter().enumerate() {
        let mut command = bench.command(&format!("-rps 40 -time 0.6 --out out{number} {flag}"));
        command.env("TERM", if flag.is_empty() { "dumb" } else { "xterm-256color" });
        let (status, shown) = Terminal::start(command).finish();
        assert!(matches!(status.code(), Some(0 | 4)) && !shown.contains('\u{1b}'), "{flag}: {shown}");
    }
}

#[test]
fn functions_outside_lambda_show_one_line() {
    for name in ["chameleon", "cnn_serving"] {
        let mut command = Command::new(program(name));
        command.env_clear().env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1");
        let (code, shown) = shown(command);
        assert_eq!((code, shown.lines().count()), (Some(1), 1), "{shown}");
        assert!(shown.contains("AWS_LAMBDA_FUNCTION_NAME is not set"), "{shown}");
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
