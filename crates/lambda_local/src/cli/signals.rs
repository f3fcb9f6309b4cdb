//! What makes the program stop.

use std::fs;
use std::io;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Signals within this time count as one: closing a terminal sends two, and so may `timeout`.
const SAME_SIGNAL: Duration = Duration::from_millis(250);

/// Ready on Ctrl-C, SIGTERM or SIGHUP and, if `with_stdin`, at the end of standard input. Cancels `stopping` then.
pub(super) fn shutdown(
    with_stdin: bool,
    stopping: CancellationToken,
) -> Result<impl Future<Output = ()> + Send + 'static> {
    let mut signals = Signals::new().context("cannot watch for signals")?;
    Ok(async move {
        tokio::select! {
            () = signals.next() => {}
            () = end_of_stdin(), if with_stdin => {}
        }
        stopping.cancel();
    })
}

/// Ready on a signal that comes after `stopping` was cancelled: whoever sends it does not want to wait any longer.
pub(super) async fn second_signal(stopping: CancellationToken) {
    stopping.cancelled().await;
    tokio::time::sleep(SAME_SIGNAL).await;
    match Signals::new() {
        Ok(mut signals) => signals.next().await,
        // Without signals, the program stops in order.
        Err(_) => std::future::pending().await,
    }
}

/// The signals that ask the program to stop. `None` stands for one that was ignored when the program started, as `nohup`
/// and the shell's `&` ask for: it stays ignored.
struct Signals([Option<Signal>; 3]);

impl Signals {
    fn new() -> io::Result<Self> {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let watch = |kind: SignalKind| {
            let ignored = is_ignored(&status, kind.as_raw_value());
            if ignored { Ok(None) } else { signal(kind).map(Some) }
        };
        let [interrupt, terminate, hang_up] =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(watch);
        Ok(Self([interrupt?, terminate?, hang_up?]))
    }

    async fn next(&mut self) {
        let Self([interrupt, terminate, hang_up]) = self;
        tokio::select! {
            () = received(interrupt) => {}
            () = received(terminate) => {}
            () = received(hang_up) => {}
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

/// Ready when standard input has ended. A thread reads it, because a blocked read would keep the async runtime from
/// stopping.
async fn end_of_stdin() {
    let (ended, end) = oneshot::channel();
    std::thread::spawn(move || {
        // An input that cannot be read has ended as well.
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        ended.send(())
    });
    let _ = end.await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signals_that_are_ignored_are_read_from_the_status_of_the_process() {
        // `nohup`: SIGHUP (1), and SIGPIPE (13), which every Rust program ignores.
        let status = "SigBlk:\t0000000000000003\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000002\n";
        let ignored = [1, 2, 13, 15].map(|signal| is_ignored(status, signal));
        assert_eq!(ignored, [true, false, true, false]);
        assert!(!is_ignored("", 1));
    }
}
