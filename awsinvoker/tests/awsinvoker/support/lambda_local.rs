//! A lambda-local that a test starts, and looks into.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::program;

/// A lambda-local with chameleon, which has a variable of its own.
pub(crate) struct Server {
    process: Child,
    pub(crate) authority: String,
}

impl Server {
    /// Starts it with these flags besides.
    pub(crate) fn start(flags: &[&str]) -> Self {
        let mut command = Command::new(program("lambda-local"));
        let function = format!("chameleon={}", program("chameleon").display());
        command.args([
            "--listen",
            "127.0.0.1:0",
            "--exit-with-stdin",
            "--env",
            "OWN=1",
            "--function",
            &function,
        ]);
        let mut process = command.args(flags).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let authority = line.trim_end().strip_prefix("listening on http://").unwrap().to_owned();
        Self { process, authority }
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Asks about the configuration of chameleon, or changes it.
    pub(crate) fn configuration(&self, method: &str, body: &str) -> Value {
        let mut stream = TcpStream::connect(&self.authority).unwrap();
        let (path, host) = ("/2015-03-31/functions/chameleon/configuration", &self.authority);
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {length}"
        );
        stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    /// The variables of chameleon.
    pub(crate) fn variables(&self) -> Value {
        self.configuration("GET", "")["Environment"]["Variables"].clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
