//! What `--local` does with the process of a local Lambda: a script stands in for it here, so that it can misbehave.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};

use crate::support::{Bench, assert_complete, stderr, stdout};

/// A folder with awsinvoker, a function, and a `lambda-local` that is this script.
struct Installed {
    folder: tempfile::TempDir,
    bench: Bench,
}

impl Installed {
    fn new(script: impl FnOnce(&Bench) -> String) -> Self {
        let bench = Bench::new(r#"[{"hostname": "string"}, {"hostname": "string:prod", "payload": 1}]"#);
        // In the same file system as the executable, which is large, so that a link does.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        std::fs::hard_link(env!("CARGO_BIN_EXE_awsinvoker"), folder.path().join("awsinvoker")).unwrap();
        let installed = Self { folder, bench };
        let lambda_local = format!("#!/bin/sh\n{}\n", script(&installed.bench));
        for (name, content) in [("string", ""), ("lambda-local", lambda_local.as_str())] {
            std::fs::write(installed.path(name), content).unwrap();
            std::fs::set_permissions(installed.path(name), std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        installed
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, line: &str) -> Output {
        let mut command = Command::new(self.path("awsinvoker"));
        command.args(line.split(' ')).current_dir(self.bench.path("."));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.bench.path("."));
        command.output().unwrap()
    }
}

#[test]
fn starts_it_with_the_functions_and_lets_it_end_by_closing_its_stdin() {
    let installed = Installed::new(|bench| {
        let (url, seen) = (bench.url(), bench.path("seen"));
        let seen = seen.display();
        format!("echo \"$@\" >{seen}; echo listening on {url}; cat >/dev/null; echo ended >>{seen}")
    });
    let output = installed.run("--local --env A=1 --env B=2=3 -rps 20 -time 0.2 --out out");
    assert_complete(&output);
    let function = installed.path("string");
    let expected = format!(
        "--listen 127.0.0.1:0 --exit-with-stdin --function string={} --env A=1 --env B=2=3\nended\n",
        function.display()
    );
    assert_eq!(installed.bench.read("seen"), expected);
    let first = stdout(&output).lines().next().unwrap();
    assert!(
        first.contains(&format!(" on lambda-local at {}, saved in out", installed.bench.url())),
        "{first}"
    );
    // The qualified name is unknown to the stub; the other one answers.
    assert_eq!(installed.bench.summary()["endpoints"][0]["outcomes"]["ok"], 2);
}

#[test]
fn with_images_it_is_told_their_names_and_tells_their_ids() {
    let installed = Installed::new(|bench| {
        let (url, seen) = (bench.url(), bench.path("seen"));
        format!(
            "echo \"$@\" >{}; echo image string sha256:1; echo listening on {url}; cat >/dev/null",
            seen.display()
        )
    });
    std::fs::remove_file(installed.path("string")).unwrap();
    let output = installed.run("--local --images -rps 20 -time 0.2 --out out");
    assert_complete(&output);
    let expected = "--listen 127.0.0.1:0 --exit-with-stdin --image string=string:latest\n";
    assert_eq!(installed.bench.read("seen"), expected);
    let run: serde_json::Value = serde_json::from_str(&installed.bench.read("out/run.json")).unwrap();
    for (index, name) in ["string", "string:prod"].into_iter().enumerate() {
        let function = &run["configuration"]["functions"][index];
        let known = ["name", "image", "image_id"].map(|key| function[key].as_str().unwrap());
        assert_eq!(known, [name, "string:latest", "sha256:1"]);
    }
    let command_line = run["configuration"]["targets"][0]["local"]["command_line"].as_array().unwrap();
    assert_eq!(command_line.last().unwrap(), "string=string:latest");
}

#[test]
fn says_what_it_did_instead_of_becoming_ready() {
    let message = |script: &str| {
        let installed = Installed::new(|_| script.to_owned());
        let output = installed.run("--local --out out");
        assert_eq!(output.status.code(), Some(1));
        assert!(!installed.bench.path("out").exists(), "nothing is left of a run that never was");
        stderr(&output).replace(installed.folder.path().to_str().unwrap(), "DIR")
    };
    assert_eq!(
        message("exit 3"),
        "error: DIR/lambda-local: not ready: the process ended; its messages are above\n"
    );
    assert_eq!(message("echo hello; cat"), "error: DIR/lambda-local: not ready: it printed `hello`\n");
}

#[test]
fn a_function_that_is_not_there_is_named_with_what_to_do() {
    let installed = Installed::new(|_| String::new());
    std::fs::remove_file(installed.path("string")).unwrap();
    let output = installed.run("--local");
    assert_eq!(output.status.code(), Some(2));
    let message = stderr(&output).replace(installed.folder.path().to_str().unwrap(), "DIR");
    let expected = "error: --local: there is no program `string` in DIR; for a function of your own, give \
        `program` or `image` in its entry of the endpoints file\n";
    assert_eq!(message, expected);
}
