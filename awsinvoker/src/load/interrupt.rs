//! Signals that end a run early.

use std::{fmt, fs, io};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::logging;

/// Who ended the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupt {
    /// The terminal was closed.
    Sighup,
    /// Ctrl-C.
    Sigint,
    /// SIGTERM.
    Sigterm,
}

impl Interrupt {
    /// The exit code of a run that was ended so: 128 and the signal's number.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Sighup => 129,
            Self::Sigint => 130,
            Self::Sigterm => 143,
        }
    }
}

impl fmt::Display for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sighup => "SIGHUP",
            Self::Sigint => "Ctrl-C",
            Self::Sigterm => "SIGTERM",
        })
    }
}

/// Waits for signals; from its making on they no longer end the process. `None` stands for one that was ignored before, as
/// `nohup` and the shell's `&` ask for: it stays ignored.
#[derive(Debug)]
pub struct Interrupts([Option<Signal>; 3]);

impl Interrupts {
    /// Takes the signals over.
    ///
    /// # Errors
    /// The system does not let us.
    pub fn new() -> io::Result<Self> {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let watch = |kind: SignalKind| {
            let ignored = is_ignored(&status, kind.as_raw_value());
            if ignored { Ok(None) } else { signal(kind).map(Some) }
        };
        let [hang_up, interrupt, terminate] =
            [SignalKind::hangup(), SignalKind::interrupt(), SignalKind::terminate()].map(watch);
        Ok(Self([hang_up?, interrupt?, terminate?]))
    }

    /// From now on, a signal ends the process at once, as it does where nobody takes it over. `advice` is said before.
    pub(crate) fn end_process(mut self, advice: String) {
        tokio::spawn(async move {
            let interrupt = self.next().await;
            tracing::warn!("{interrupt}: {advice}");
            logging::flush();
            std::process::exit(interrupt.exit_code().into())
        });
    }

    /// The next signal.
    pub async fn next(&mut self) -> Interrupt {
        let Self([hang_up, interrupt, terminate]) = self;
        tokio::select! {
            biased;
            () = received(interrupt) => Interrupt::Sigint,
            () = received(terminate) => Interrupt::Sigterm,
            () = received(hang_up) => Interrupt::Sighup,
        }
    }
}

async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => _ = signal.recv().await,
        None => std::future::pending().await,
    }
}

/// Whether a process with this `/proc/PID/status` ignores the signal with this number.
fn is_ignored(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signals_that_are_ignored_are_read_from_the_status_of_the_process() {
        // `nohup`: SIGHUP (1), and SIGPIPE (13), which every Rust program ignores.
        let status = "SigBlk:\t0000000000000003\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000002\n";
        assert_eq!([1, 2, 13, 15].map(|signal| is_ignored(status, signal)), [true, false, true, false]);
        assert!(!is_ignored("", 1));
    }
}
