//! Connections that wait for their next call.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::connection::Connection;
use crate::clock::Moment;

/// A connection that waited for longer is not used again: something between here and the server may have forgotten it
/// without a word. Nanoseconds.
const MAX_IDLE_NS: u64 = 60 * run_record::units::NS_PER_S;

/// Idle connections. There are never more than calls were in flight at once.
#[derive(Debug)]
pub(super) struct Pool<C>(Mutex<Vec<Idle<C>>>);

/// A connection that waits since then.
#[derive(Debug)]
struct Idle<C> {
    connection: C,
    since: Moment,
}

impl<C> Default for Pool<C> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<C: Connection> Pool<C> {
    /// The connection that was used last, if there is one that can be used.
    pub(super) async fn take(&self) -> Option<C> {
        loop {
            let mut connection = self.pop()?;
            if connection.is_usable().await {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection for the next call, unless its server closes it.
    pub(super) async fn keep(&self, mut connection: C) {
        if connection.is_usable().await {
            self.idle().push(Idle { connection, since: Moment::now() });
        }
    }

    fn pop(&self) -> Option<C> {
        let mut idle = self.idle();
        let Idle { connection, since } = idle.pop()?;
        if Moment::now().ns_since(since) > MAX_IDLE_NS {
            // The others have waited for even longer. Closing thousands would hold up other calls.
            let others = std::mem::take(&mut *idle);
            tokio::task::spawn_blocking(move || drop((connection, others)));
            return None;
        }
        Some(connection)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle<C>>> {
        // A list of connections is whole at any time.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
