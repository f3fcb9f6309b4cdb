//! What makes the program stop.

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

/// The signals that ask the program to stop.
struct Signals([Signal; 3]);

impl Signals {
    fn new() -> io::Result<Self> {
        let [interrupt, terminate, hang_up] =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
        Ok(Self([interrupt?, terminate?, hang_up?]))
    }

    async fn next(&mut self) {
        let Self([interrupt, terminate, hang_up]) = self;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    }
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
