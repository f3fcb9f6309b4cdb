//! A program on a pseudo-terminal, as a person starts it. Needs nothing but `rustix` with its feature `pty`, so that
//! the tests of other crates can include this file by its path.

#![allow(dead_code, reason = "every test binary uses its own part")]
#![allow(unreachable_pub, reason = "a test binary has no public interface")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// A program whose standard input, output and error are one terminal.
pub struct Terminal {
    pub process: Child,
    /// The side of the person.
    screen: File,
    shown: String,
}

impl Terminal {
    /// Starts the program.
    pub fn start(mut command: Command) -> Self {
        let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&screen).unwrap();
        unlockpt(&screen).unwrap();
        let name = ptsname(&screen, Vec::new()).unwrap().into_string().unwrap();
        let terminal = File::options().read(true).write(true).open(name).unwrap();
        let stdio = || Stdio::from(terminal.try_clone().unwrap());
        let process = command.stdin(stdio()).stdout(stdio()).stderr(stdio()).spawn().unwrap();
        Self { process, screen: screen.into(), shown: String::new() }
    }

    /// Presses keys.
    pub fn press(&mut self, keys: &[u8]) {
        self.screen.write_all(keys).unwrap();
    }

    /// Reads until the terminal shows `text`, and returns all that it has shown so far.
    pub fn wait_for(&mut self, text: &str) -> &str {
        while !self.shown.contains(text) {
            assert!(self.read(), "it ended without {text:?}: {}", self.shown);
        }
        &self.shown
    }

    /// Waits until the program has ended; returns how, and all that the terminal has shown.
    pub fn finish(mut self) -> (ExitStatus, String) {
        while self.read() {}
        (self.process.wait().unwrap(), std::mem::take(&mut self.shown))
    }

    /// False once no program holds the terminal open: the kernel reports that as an error.
    fn read(&mut self) -> bool {
        let mut chunk = [0; 4096];
        let length = self.screen.read(&mut chunk).unwrap_or(0);
        self.shown.push_str(&String::from_utf8_lossy(&chunk[..length]));
        length > 0
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It has usually ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
