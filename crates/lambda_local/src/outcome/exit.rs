//! How a program exited, in Lambda's words.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::{fmt, io};

use rustix::process::Signal;

/// How a program exited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Exit {
    Status(ExitStatus),
    /// The operating system or Docker cannot say, for this reason.
    Lost(String),
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => match (status.code(), status.signal()) {
                (Some(0), _) => f.write_str("Runtime exited without providing a reason"),
                (Some(code), _) => write!(f, "Runtime exited with error: exit status {code}"),
                (None, signal) => {
                    let name = signal_name(signal.unwrap_or_default());
                    write!(f, "Runtime exited with error: signal: {name}")
                }
            },
            Self::Lost(error) => write!(f, "Runtime exited with error: {error}"),
        }
    }
}

/// The name of a signal as Go's runtime has it, in which Lambda is written.
fn signal_name(signal: i32) -> String {
    const NAMES: [(Signal, &str); 11] = [
        (Signal::ABORT, "aborted"),
        (Signal::ALARM, "alarm clock"),
        (Signal::BUS, "bus error"),
        (Signal::FPE, "floating point exception"),
        (Signal::HUP, "hangup"),
        (Signal::ILL, "illegal instruction"),
        (Signal::INT, "interrupt"),
        (Signal::KILL, "killed"),
        (Signal::PIPE, "broken pipe"),
        (Signal::SEGV, "segmentation fault"),
        (Signal::TERM, "terminated"),
    ];
    let known = NAMES.iter().find(|(known, _)| known.as_raw() == signal);
    known.map_or_else(|| format!("signal {signal}"), |(_, name)| (*name).to_owned())
}

/// An error of the operating system as Go's runtime words it: `no such file or directory`.
pub(crate) fn system_error(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exits_read_as_on_lambda() {
        for (status, expected) in [
            (0, "Runtime exited without providing a reason"),
            (127 << 8, "Runtime exited with error: exit status 127"),
            (9, "Runtime exited with error: signal: killed"),
            (11, "Runtime exited with error: signal: segmentation fault"),
            (40, "Runtime exited with error: signal: signal 40"),
        ] {
            assert_eq!(Exit::Status(ExitStatus::from_raw(status)).to_string(), expected);
        }
    }

    #[test]
    fn errors_of_the_system_read_as_on_lambda() {
        for (number, expected) in
            [(2, "no such file or directory"), (8, "exec format error"), (13, "permission denied")]
        {
            assert_eq!(system_error(&io::Error::from_raw_os_error(number)), expected);
        }
    }
}
