//! The program on something like Lambda says what is missing, and fails. What is wrong with a command line, it says, too.

use std::process::Command;

/// Runs the program, which must fail with one clear line, and returns that line.
fn complaint(variables: &[(&str, &str)]) -> String {
    failure(variables, &[], 1)
}

fn failure(variables: &[(&str, &str)], arguments: &[&str], code: i32) -> String {
    let mut program = Command::new(env!("CARGO_BIN_EXE_chameleon"));
    let output = program.env_clear().envs(variables.iter().copied()).args(arguments).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(output.stdout.is_empty());
    stderr
}

const LAMBDA: [(&str, &str); 4] = [
    ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
    ("AWS_LAMBDA_FUNCTION_NAME", "chameleon"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
];

#[test]
fn a_missing_variable_is_named() {
    for present in 1..LAMBDA.len() {
        let complaint = complaint(&LAMBDA[..present]);
        let expected =
            format!("{} is not set: with AWS_LAMBDA_RUNTIME_API, this program is a", LAMBDA[present].0);
        assert!(complaint.contains(&expected), "{complaint}");
    }
}

#[test]
fn a_variable_without_sense_is_shown() {
    for (index, value, expected) in [
        (0, "not a host", "is \"not a host\", expected HOST:PORT"),
        (2, "much", "is \"much\", expected megabytes"),
    ] {
        let mut variables = LAMBDA;
        variables[index].1 = value;
        let complaint = complaint(&variables);
        assert!(complaint.contains(&format!("{} {expected}", variables[index].0)), "{complaint}");
    }
}

#[test]
fn a_wrong_command_line_or_port_ends_with_2() {
    let complaint = failure(&[], &["--adr", "x"], 2);
    assert!(complaint.contains("unknown argument \"--adr\"; expected --addr, "), "{complaint}");
    let complaint = failure(&[("PORT", "http")], &[], 2);
    assert!(complaint.contains("PORT is \"http\"; expected a whole number from 0 to 65535"), "{complaint}");
}

#[test]
fn an_empty_variable_of_lambda_counts_as_absent() {
    let complaint = failure(&[("AWS_LAMBDA_RUNTIME_API", "")], &["--port", "1", "--port", "2"], 2);
    assert!(complaint.contains("--port is given twice, as 1 and as 2; give it once"), "{complaint}");
}

#[test]
fn on_lambda_arguments_do_not_count() {
    let complaint = failure(&LAMBDA[..1], &["--adr", "x"], 1);
    assert!(complaint.contains("AWS_LAMBDA_FUNCTION_NAME is not set"), "{complaint}");
}

#[test]
fn an_unreachable_runtime_api_is_reported() {
    let mut variables = LAMBDA;
    // Port 1 is reserved, nothing listens there.
    variables[0].1 = "127.0.0.1:1";
    let complaint = complaint(&variables);
    assert!(complaint.contains("the runtime loop failed: client error (Connect): "), "{complaint}");
    assert!(complaint.contains("Connection refused"), "{complaint}");
}
