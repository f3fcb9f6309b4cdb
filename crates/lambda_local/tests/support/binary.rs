//! `lambda-local` as a user runs it.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::docker::image_of;
use super::example;
use super::terminal::Terminal;

pub const BINARY: &str = env!("CARGO_BIN_EXE_lambda-local");

/// `lambda-local` as a process of its own.
pub struct LambdaLocal {
    pub process: Child,
    pub address: SocketAddr,
}

impl LambdaLocal {
    pub fn start(args: &[&str]) -> Self {
        Self::listen("127.0.0.1:0", args)
    }

    pub fn listen(address: &str, args: &[&str]) -> Self {
        let function = format!("test={}", example("test_function").display());
        Self::run(&[&["--listen", address, "--function", &function], args].concat())
    }

    /// Serves the image of the test function.
    pub fn in_containers(args: &[&str]) -> Self {
        let image = format!("test={}", image_of("test_function"));
        Self::run(&[&["--listen", "127.0.0.1:0", "--image", &image], args].concat())
    }

    pub fn run(args: &[&str]) -> Self {
        let mut command = Command::new(BINARY);
        command.args(args);
        Self::spawn(command)
    }

    pub fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        let line = lines.find(|line| !line.starts_with("image ")).unwrap_or_default();
        let Some(address) = line.trim().strip_prefix("listening on http://") else {
            let mut log = String::new();
            process.stderr.take().unwrap().read_to_string(&mut log).unwrap();
            panic!("it did not start: {log}");
        };
        Self { address: address.parse().unwrap(), process }
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }
}

impl Drop for LambdaLocal {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A lambda-local that serves the test function on a terminal, and its address.
pub fn serve_on_terminal() -> (Terminal, SocketAddr) {
    let function = format!("test={}", example("test_function").display());
    let mut command = Command::new(BINARY);
    command.args(["--listen", "127.0.0.1:0", "--function", &function]);
    let mut terminal = Terminal::start(command);
    let shown = terminal.wait_for("\n").to_owned();
    let address = shown.trim().strip_prefix("listening on http://").unwrap_or_else(|| panic!("{shown}"));
    (terminal, address.parse().unwrap())
}
