//! What the integration tests share: the stub server, a folder for each run, and readers of what it leaves.
pub(crate) mod functions;
pub(crate) mod lambda_local;
pub(crate) mod stub;
#[path = "../../../../crates/lambda_local/tests/support/terminal.rs"]
pub(crate) mod terminal;
pub(crate) mod tls;

use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use run_record::Sample;
use run_record::run_dir::RunDir;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// The pause between two looks at what a program does.
const LOOK: Duration = Duration::from_millis(5);
/// So many looks in vain take half a minute at least, and are a failure.
const MAX_LOOKS: u32 = 6_000;

/// A folder to run awsinvoker in, and a server to load.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
    address: SocketAddr,
}

impl Bench {
    /// An empty folder with an endpoints file of this content, and a stub server.
    pub(crate) fn new(endpoints: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("endpoints.json"), endpoints).unwrap();
        Self { folder, address: stub::start() }
    }

    /// Where the server listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The server's address.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// awsinvoker with these words and the server's address, in the folder, in an environment that holds nothing of
    /// the user's.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = self.bare_command(line);
        command.arg("--endpoint-url").arg(self.url());
        command
    }

    /// awsinvoker with these words alone.
    pub(crate) fn bare_command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_awsinvoker"));
        command.args(line.split_whitespace()).current_dir(self.folder.path());
        command.env_clear().env("HOME", self.folder.path());
        command
    }

    /// Runs to the end, with the results in `out`.
    pub(crate) fn run(&self, line: &str) -> Output {
        self.command(&format!("{line} --out out")).output().unwrap()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Waits for a file that a run writes.
    pub(crate) fn wait_for(&self, name: &str) {
        let path = self.path(name);
        for _ in 0..MAX_LOOKS {
            if path.exists() {
                return;
            }
            std::thread::sleep(LOOK);
        }
        panic!("there is no {name}");
    }

    /// Waits until this run has written some samples.
    pub(crate) fn wait_for_samples(&self, run: &mut Child) {
        let samples = self.path("out/samples.csv");
        let has_some = || std::fs::read_to_string(&samples).is_ok_and(|text| text.lines().count() > 3);
        wait_until(run, "some samples are written", has_some);
    }

    pub(crate) fn summary(&self) -> Value {
        serde_json::from_str(&self.read("out/summary.json")).unwrap()
    }

    /// The names of all files in a folder, sorted.
    pub(crate) fn files(&self, name: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(name)).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The one file in a folder that is named as the original's; its name depends on the achieved rate.
    pub(crate) fn legacy_file(&self, folder: &str) -> String {
        let names = self.files(folder);
        let legacy: Vec<_> = names.into_iter().filter(|name| name.starts_with("rps")).collect();
        assert_eq!(legacy.len(), 1, "{legacy:?}");
        legacy.concat()
    }

    /// What the run in `out` left, for its readers.
    pub(crate) fn run_dir(&self) -> RunDir {
        RunDir::open(&self.path("out"))
    }

    /// The samples, in the order of the schedule. The last one of a killed run may be cut off.
    pub(crate) fn samples(&self) -> Vec<Sample> {
        let run_dir = self.run_dir();
        let mut samples = run_dir.read_samples(&run_dir.read_info().unwrap()).unwrap().records;
        samples.sort_by_key(|sample| sample.arrival.sequence);
        samples
    }

    /// Runs a script that reads the results in `out` with the official Python reader.
    pub(crate) fn python(&self, script: &str) -> String {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = root.join("../assets/venv/bin/python");
        assert!(python.exists(), "{} is missing: run ./scripts/setup.sh", python.display());
        let output = Command::new(python).arg(root.join(script)).arg(self.path("out")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

/// Waits until something is so. It is a failure if the process ends before, or after two minutes at least.
pub(crate) fn wait_until(process: &mut Child, what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..4 * MAX_LOOKS {
        if is_so() {
            return;
        }
        if let Some(status) = process.try_wait().unwrap() {
            panic!("the process ended ({status}) before {what}");
        }
        std::thread::sleep(LOOK);
    }
    process.kill().unwrap();
    panic!("waited in vain until {what}");
}

/// Checks that a run is complete. On a busy machine the load generator may have been late, so that the run is not valid;
/// nothing else may be wrong.
pub(crate) fn assert_complete(output: &Output) {
    let is_late = |line: &str| {
        line.starts_with("invalid: the load generator itself was ") || line.ends_with("sent in time")
    };
    let only_late = || stdout(output).lines().filter(|line| line.starts_with("invalid: ")).all(is_late);
    let complete = match output.status.code() {
        Some(0) => true,
        Some(4) => only_late(),
        _ => false,
    };
    assert!(complete, "{}\n{}\n{}", output.status, stdout(output), stderr(output));
}

/// Starts a run that would last for a minute, sends the signals once a call was answered, and waits for the end.
pub(crate) fn interrupted(bench: &Bench, line: &str, signals: &[Signal]) -> Output {
    end_by(bench, bench.command(&format!("{line} -time 60 -dbg --out out")), signals)
}

/// The same with this command.
pub(crate) fn end_by(bench: &Bench, mut command: Command, signals: &[Signal]) -> Output {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).spawn().unwrap();
    let samples = bench.path("out/samples.csv");
    let sampled = || std::fs::read_to_string(&samples).is_ok_and(|text| text.lines().count() > 3);
    let mut looks = 0;
    while !sampled() {
        looks += 1;
        if looks > MAX_LOOKS || child.try_wait().unwrap().is_some() {
            child.kill().unwrap();
            let output = child.wait_with_output().unwrap();
            panic!(
                "no sample after {looks} looks, {}\n{}\n{}",
                output.status,
                stdout(&output),
                stderr(&output)
            );
        }
        std::thread::sleep(LOOK);
    }
    signals.iter().for_each(|signal| kill_process(Pid::from_child(&child), *signal).unwrap());
    child.wait_with_output().unwrap()
}

/// A program of this workspace beside awsinvoker.
pub(crate) fn program(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_awsinvoker")).with_file_name(name);
    assert!(path.exists(), "{} is missing: run `cargo build --workspace --bins --examples`", path.display());
    path
}

pub(crate) fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

pub(crate) fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}
