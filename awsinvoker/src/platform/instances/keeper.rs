//! A process beside the load generator that keeps one instance of a function: it starts the program, passes its messages
//! on, and ends it when its own standard input ends, so also when awsinvoker is killed.
//!
//! It writes to its standard output: `listening on ADDRESS` when the program says so, and `ended STATUS` with the last
//! messages of the program when that has ended.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

/// What a keeper writes before the address.
pub(super) const READY: &str = "listening on ";
/// What a keeper writes before the status of a program that has ended.
pub(super) const ENDED: &str = "ended ";
/// Stands for the name of a container where there is none.
pub(super) const NO_CONTAINER: &str = "-";
/// How long a program may take to end after SIGTERM: the functions of this project serve calls for up to 10 s.
pub(super) const GRACE: Duration = Duration::from_secs(12);
/// For how long the messages of a program that has ended are waited for. Whoever it started may hold them open.
const LAST_MESSAGES: Duration = Duration::from_millis(500);
/// So many messages are kept.
const KEPT_LINES: usize = 8;
/// A longer line is passed on in parts.
const MAX_LINE_BYTES: u64 = 4096;

/// The last lines that a program wrote.
type Tail = Arc<Mutex<VecDeque<String>>>;

/// Runs one instance: `words` are the name of its container or `-`, the program, and its arguments.
///
/// # Errors
/// The program cannot be started. Standard output says so, too.
pub fn keep_instance(words: &[OsString]) -> io::Result<()> {
    let [container, program, arguments @ ..] = words else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "expected a container or `-`, and a program",
        ));
    };
    let container = Some(container).filter(|name| *name != NO_CONTAINER);
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A process group of its own, so that what it starts can be ended with it.
    let mut child = match command.process_group(0).spawn() {
        Ok(child) => child,
        Err(error) => {
            tell(&format!("{ENDED}it cannot be started: {error}"));
            return Err(error);
        }
    };
    let (tail, closed) = pass_on(&mut child);
    let group = Pid::from_child(&child);
    let name = container.cloned();
    thread::spawn(move || end_with_stdin(group, name.as_ref()));
    let status = child.wait()?;
    // Whatever it started and left behind.
    _ = kill_process_group(group, Signal::KILL);
    if let Some(name) = container {
        remove(name);
    }
    _ = closed.recv_timeout(LAST_MESSAGES);
    let tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
    let lines: Vec<&str> = tail.iter().map(String::as_str).collect();
    tell(&format!("{ENDED}{status}\n{}", lines.join("\n")));
    Ok(())
}

/// Passes the output of a program on. Returns its last lines, and what tells when it has closed standard error.
fn pass_on(child: &mut Child) -> (Tail, std::sync::mpsc::Receiver<()>) {
    let (tail, (closing, closed)) = (Tail::default(), channel());
    if let Some(stdout) = child.stdout.take() {
        thread::spawn(move || {
            let mut is_ready = false;
            each_line(stdout, |line| {
                let text = String::from_utf8_lossy(line);
                if !is_ready && text.starts_with(READY) {
                    is_ready = true;
                    tell(text.trim_end());
                } else {
                    complain(line);
                }
            });
        });
    }
    if let Some(stderr) = child.stderr.take() {
        let tail = Arc::clone(&tail);
        thread::spawn(move || keep_messages(stderr, &tail, &closing));
    }
    (tail, closed)
}

/// The end of `closing` says that all is read.
fn keep_messages(stderr: impl Read, tail: &Tail, closing: &Sender<()>) {
    each_line(stderr, |line| {
        complain(line);
        let text = String::from_utf8_lossy(line).trim_end().to_owned();
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        if tail.len() == KEPT_LINES {
            tail.pop_front();
        }
        tail.push_back(text);
    });
    _ = closing.send(());
}

/// Waits until nobody can write to standard input, and ends the process group.
fn end_with_stdin(group: Pid, container: Option<&OsString>) {
    _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
    _ = kill_process_group(group, Signal::TERM);
    thread::sleep(GRACE);
    if let Some(name) = container {
        remove(name);
    }
    _ = kill_process_group(group, Signal::KILL);
}

/// Removes a container if it is still there: Docker's client may have been killed.
fn remove(container: &OsString) {
    let mut command = Command::new("docker");
    command.args(["rm", "--force"]).arg(container).stdin(Stdio::null());
    _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
}

/// Calls `line` with each line, or part of a long one.
fn each_line(output: impl Read, mut line: impl FnMut(&[u8])) {
    let mut output = BufReader::new(output);
    let mut bytes = Vec::new();
    while (&mut output).take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes).is_ok_and(|count| count > 0) {
        line(&bytes);
        bytes.clear();
    }
}

/// Writes to standard output. If nobody reads it, awsinvoker has ended, and standard input says so.
fn tell(text: &str) {
    let mut stdout = io::stdout().lock();
    _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
}

/// Writes to standard error, which is that of awsinvoker.
fn complain(line: &[u8]) {
    _ = io::stderr().lock().write_all(line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_without_an_end_are_bounded() {
        let long = vec![b'x'; 5000];
        let input = [b"a\n".as_slice(), &long, b"\nb"].concat();
        let mut sizes = Vec::new();
        each_line(input.as_slice(), |line| sizes.push(line.len()));
        assert_eq!(sizes, [2, 4096, 905, 1]);
    }

    #[test]
    fn the_last_lines_are_kept() {
        let (tail, (closing, closed)) = (Tail::default(), channel());
        let input: String = (0..20).map(|number| format!("{number}\r\n")).collect();
        keep_messages(input.as_bytes(), &tail, &closing);
        closed.recv().unwrap();
        let kept: Vec<String> = tail.lock().unwrap().iter().cloned().collect();
        assert_eq!(kept, ["12", "13", "14", "15", "16", "17", "18", "19"]);
    }
}
