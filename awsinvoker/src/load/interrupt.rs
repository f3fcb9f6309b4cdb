//! Signals that end a run early.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Who ended the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupt {
    /// Ctrl-C.
    Sigint,
    /// SIGTERM.
    Sigterm,
}

impl Interrupt {
    /// The exit code of a run that was ended so: 128 and the signal's number.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Sigint => 130,
            Self::Sigterm => 143,
        }
    }
}

/// Waits for signals; from its making on they no longer end the process.
#[derive(Debug)]
pub struct Interrupts {
    sigint: Signal,
    sigterm: Signal,
}

impl Interrupts {
    /// Takes the signals over.
    ///
    /// # Errors
    /// The system does not let us.
    pub fn new() -> io::Result<Self> {
        Ok(Self { sigint: signal(SignalKind::interrupt())?, sigterm: signal(SignalKind::terminate())? })
    }

    /// The next signal.
    pub async fn next(&mut self) -> Interrupt {
        tokio::select! {
            biased;
            _ = self.sigint.recv() => Interrupt::Sigint,
            _ = self.sigterm.recv() => Interrupt::Sigterm,
        }
    }
}
