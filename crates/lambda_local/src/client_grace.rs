//! How long the clients of a server that stops have to take their replies and go.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

const CLIENT_GRACE: Duration = Duration::from_secs(1);

/// Returns when the time that clients have, once `stopping` is cancelled, is over.
pub(crate) async fn client_grace_is_over(stopping: &CancellationToken) {
    stopping.cancelled().await;
    tokio::time::sleep(CLIENT_GRACE).await;
}
