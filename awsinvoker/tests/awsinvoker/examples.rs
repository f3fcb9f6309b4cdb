//! The examples that the README names: functions in several languages, and the library.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::{Bench, assert_complete, program, stderr};

/// A local Lambda that ends with its standard input, so with the test.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    fn start(folder: &Path, functions: &[String]) -> Self {
        let mut command = Command::new(program("lambda-local"));
        command.args(["--listen", "127.0.0.1:0", "--exit-with-stdin"]);
        functions.iter().for_each(|function| _ = command.args(["--function", function]));
        command.current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim_end().strip_prefix("listening on ").unwrap().to_owned();
        Self { process, url }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        self.process.wait().unwrap();
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

#[test]
fn functions_of_ones_own_in_three_languages_report_their_latency() {
    let examples = repository().join("examples");
    let python = repository().join("assets/venv/bin/python");
    let functions = [
        format!("bash={}", examples.join("bash/function.sh").display()),
        format!("rust={}", program("examples/hello").display()),
        format!(
            "python=env PYTHONPATH={} {} -m awslambdaric function.handler",
            examples.join("python").display(),
            python.display()
        ),
    ];
    let server = Server::start(&examples, &functions);
    let bench = Bench::new(
        r#"[{"hostname": "bash", "payload": {"n": 1}}, {"hostname": "rust", "payload": {"name": "Rust"}},
            {"hostname": "python", "payload": {"name": "Python"}}]"#,
    );
    let output =
        bench.bare_command("-rps 15 -time 2 --out out --endpoint-url").arg(&server.url).output().unwrap();
    assert_complete(&output);
    let summary = bench.run_dir().read_summary().unwrap();
    assert_eq!((summary.issued, summary.completed), (30, 30), "{}", stderr(&output));
    for endpoint in &summary.endpoints {
        assert_eq!(endpoint.views.function.count, 10, "{}", endpoint.name);
    }
}

#[test]
fn a_load_with_the_library() {
    let server = Server::start(&repository(), &[format!("chameleon={}", program("chameleon").display())]);
    let output = Command::new(program("examples/load")).arg(&server.url).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && stdout.starts_with("100 answers, p50 "), "{stdout}");
}
