//! How a request ends when it is due. Ending it is the work of the alarm's thread.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::io::Errno;
use rustix::net::{Shutdown, connect_unspec, shutdown};

use super::alarm::Alarm;
use super::connection::{Control, HeldEnd};
use super::model::Kind;
use super::truth::{Ending, Entry};
use crate::clock;

/// What no client takes for HTTP.
const GARBAGE: &[u8] = b"\x16\x03\xff\x00garbage\x00\xfe\xff\r\n\r\n";

/// What the client gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The answer.
    Answer,
    /// Bytes that are not HTTP, and the end of the connection.
    Garbage,
    /// A reset connection.
    Reset,
}

impl From<Kind> for End {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Reset => Self::Reset,
            Kind::Garbage => Self::Garbage,
            Kind::Answer | Kind::Throttle(_) | Kind::FunctionError | Kind::Stall { .. } => Self::Answer,
        }
    }
}

/// A request whose answer is on its way to its connection.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) alarm: Arc<Alarm<Job>>,
    pub(super) end: End,
    pub(super) due_ns: u64,
    pub(super) entry: Entry,
}

impl HeldEnd for Planned {
    fn complete(self: Box<Self>, control: Arc<Control>, answer: Vec<u8>) {
        let Self { alarm, end, due_ns, entry } = *self;
        if let Err(job) = alarm.set(due_ns, Job { control, end, answer, entry }) {
            job.stop();
        }
    }

    fn lost(self: Box<Self>, now_ns: u64) {
        self.entry.end(now_ns, Ending::ClientGone);
    }
}

/// A request that ends when it is due.
#[derive(Debug)]
pub(super) struct Job {
    control: Arc<Control>,
    end: End,
    answer: Vec<u8>,
    entry: Entry,
}

impl Job {
    /// Ends the request now.
    pub(super) fn ring(self) {
        let (ended_ns, ending) = match self.control.gone_ns() {
            Some(gone_ns) => (gone_ns, Ending::ClientGone),
            None => self.perform(),
        };
        self.control.end();
        self.entry.end(ended_ns, ending);
    }

    /// Ends the request without an answer, because the server stops.
    pub(super) fn stop(self) {
        let now = clock::monotonic_ns();
        let (ended_ns, ending) = match self.control.gone_ns() {
            Some(gone_ns) => (gone_ns, Ending::ClientGone),
            None => (now, Ending::Stopped),
        };
        // It may be closed already.
        let _ = shutdown(self.control.socket(), Shutdown::Both);
        self.control.end();
        self.entry.end(ended_ns, ending);
    }

    /// Does what the client is to see. Returns when that was, and how the request ended.
    ///
    /// The time is that before the system call: a thread may be interrupted after it while the client already reads. So
    /// the time that a client measures always contains the one from the arrival to the end.
    fn perform(&self) -> (u64, Ending) {
        let socket = self.control.socket();
        let ended_ns = clock::monotonic_ns();
        let (result, ending) = match self.end {
            End::Answer => (write_all(socket, &self.answer), Ending::Written),
            End::Garbage => (write_all(socket, GARBAGE), Ending::Written),
            // A socket that is disconnected sends a reset at once, unlike one that is closed, which others share.
            End::Reset => (connect_unspec(socket).map_err(io::Error::from), Ending::Reset),
        };
        if self.end == End::Garbage || result.is_err() {
            // It may be closed already.
            let _ = shutdown(socket, Shutdown::Both);
        }
        (ended_ns, if result.is_ok() { ending } else { Ending::ClientGone })
    }
}

/// Gives the bytes to the kernel without waiting. An answer is small, so that they do not fit only if the client has
/// left earlier answers unread.
fn write_all(socket: &OwnedFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(socket, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
