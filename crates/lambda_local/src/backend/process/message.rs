//! What the server and its spawner tell one another.
//!
//! The server sends orders: the length of the order as four bytes, which carry the descriptor for the program's output,
//! and the order as JSON. The spawner sends reports: a line of JSON each.

use std::ffi::OsString;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::cmsg_space;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize};

/// How many bytes the length of an order has.
const HEADER_BYTES: usize = 4;

/// A process to be started. Its environment is exactly these variables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) number: u64,
    pub(super) program: OsString,
    pub(super) arguments: Vec<String>,
    /// The folder that the process sees as the root of its file system, if it is not that of the spawner.
    pub(super) root: Option<OsString>,
    pub(super) folder: OsString,
    pub(super) variables: Vec<(String, String)>,
}

/// What has become of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Report {
    /// The spawner takes orders.
    Ready,
    /// The spawner cannot start processes of the kind that it was asked for.
    Unable { error: Reason },
    /// The process runs. `before` is when the kernel was asked for it, by the monotonic clock.
    Started { order: u64, pid: i32, before: Duration },
    /// There is no process.
    Failed { order: u64, error: Reason },
    /// The process has exited. What was left of its group has been killed.
    Exited { order: u64, status: i32 },
}

/// Why a process could not be started: an error of the system, or else a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reason {
    errno: Option<i32>,
    text: String,
}

impl From<io::Error> for Reason {
    fn from(error: io::Error) -> Self {
        Self { errno: error.raw_os_error(), text: error.to_string() }
    }
}

impl From<Reason> for io::Error {
    fn from(reason: Reason) -> Self {
        reason.errno.map_or_else(|| Self::other(reason.text), Self::from_raw_os_error)
    }
}

/// Sends the length of an order, with a descriptor.
pub(super) fn send_header(socket: impl AsFd, length: u32, output: &OwnedFd) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = [output.as_fd()];
    if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::Error::other("there is no room for a descriptor"));
    }
    let header = length.to_le_bytes();
    let sent = sendmsg(socket, &[IoSlice::new(&header)], &mut control, SendFlags::NOSIGNAL)?;
    if sent == HEADER_BYTES { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Receives the length of an order, with its descriptor. `None` if no order will come any more.
pub(super) fn receive_header(socket: impl AsFd) -> io::Result<Option<(usize, OwnedFd)>> {
    let mut header = [0; HEADER_BYTES];
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let received = recvmsg(socket, &mut [IoSliceMut::new(&mut header)], &mut control, flags)?;
    if received.bytes == 0 {
        return Ok(None);
    }
    let descriptor = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    let length = usize::try_from(u32::from_le_bytes(header)).unwrap_or(usize::MAX);
    match descriptor {
        Some(descriptor) if received.bytes == HEADER_BYTES => Ok(Some((length, descriptor))),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "an order begins without its length and its output",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn an_order_brings_its_output_along() {
        let (server, spawner) = UnixStream::pair().unwrap();
        let waiting = receive_header(&spawner).unwrap_err();
        assert_eq!(waiting.kind(), io::ErrorKind::WouldBlock);
        let (mut reader, writer) = io::pipe().unwrap();
        send_header(&server, 70_000, &writer.into()).unwrap();
        let (length, output) = receive_header(&spawner).unwrap().unwrap();
        assert_eq!(length, 70_000);
        std::fs::File::from(output).write_all(b"hello").unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello", "nobody else holds the output open");
        drop(server);
        assert!(receive_header(&spawner).unwrap().is_none());
    }

    #[test]
    fn what_is_not_an_order_is_refused() {
        for bytes in [&b"{}"[..], b"GET / HTTP/1.1"] {
            let (mut other, spawner) = UnixStream::pair().unwrap();
            other.write_all(bytes).unwrap();
            assert_eq!(receive_header(&spawner).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }

    #[test]
    fn the_reason_of_a_failure_survives() {
        for error in [io::Error::from_raw_os_error(2), io::Error::other("nul byte found in provided data")] {
            let expected = (error.raw_os_error(), error.to_string());
            let json = serde_json::to_string(&Reason::from(error)).unwrap();
            let error = io::Error::from(serde_json::from_str::<Reason>(&json).unwrap());
            assert_eq!((error.raw_os_error(), error.to_string()), expected);
        }
    }
}
