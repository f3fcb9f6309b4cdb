//! The listener of one environment's Runtime API, which only that environment may use.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::SetOnce;
use tokio::time::Instant;

/// Accepts connections from one address, its peer. Connections wait until the peer is known.
#[derive(Debug)]
pub(crate) struct PeerListener {
    listener: TcpListener,
    admission: Arc<Admission>,
}

/// Whom a listener lets in.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    /// The address of the peer.
    pub(crate) peer: SetOnce<IpAddr>,
    /// When the first bytes of the peer came, if it was not known then.
    pub(crate) early: SetOnce<Instant>,
}

impl PeerListener {
    /// Listens on a free port of `address`. The peer is not known yet.
    ///
    /// # Errors
    /// If this machine does not have the address, or is short of ports or descriptors.
    pub(crate) async fn bind(address: IpAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::new(address, 0)).await?;
        Ok(Self { listener, admission: Arc::default() })
    }

    /// Where the address of the peer is set, once.
    pub(crate) fn admission(&self) -> Arc<Admission> {
        Arc::clone(&self.admission)
    }

    /// When the first bytes came. `None` if the peer was known before.
    async fn first_bytes(&self, stream: &TcpStream) -> Option<Instant> {
        tokio::select! {
            biased;
            _ = self.admission.peer.wait() => None,
            readable = stream.readable() => readable.ok().map(|()| Instant::now()),
        }
    }
}

impl PeerListener {
    /// Where it listens.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The next connection, from wherever it comes. May be cancelled.
    pub(crate) async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        // axum's way to accept waits a moment if this machine is short of descriptors.
        Listener::accept(&mut self.listener).await
    }

    /// A connection that waits with the kernel already. This asks the kernel, because the async runtime may not know of
    /// the latest connection yet.
    pub(crate) fn accept_waiting(&mut self) -> Option<(TcpStream, SocketAddr)> {
        let stream = std::net::TcpStream::from(rustix::net::accept(&self.listener).ok()?);
        stream.set_nonblocking(true).ok()?;
        let address = stream.peer_addr().ok()?;
        Some((TcpStream::from_std(stream).ok()?, address))
    }

    /// Returns the connection if it is one of the peer, once that is known.
    pub(crate) async fn admit(&self, stream: TcpStream, address: SocketAddr) -> Option<TcpStream> {
        let early = self.first_bytes(&stream).await;
        if address.ip() != *self.admission.peer.wait().await {
            tracing::warn!("{address} tried to use the Runtime API of another environment and was refused");
            return None;
        }
        if let Some(early) = early {
            // Only the first connection can be early.
            let _ = self.admission.early.set(early);
        }
        // Without it, a runtime that sends its next call before it has read an answer waits for its own
        // acknowledgements.
        let _ = stream.set_nodelay(true);
        Some(stream)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn only_the_peer_is_let_in() {
        let mut listener = PeerListener::bind(Ipv4Addr::LOCALHOST.into()).await.unwrap();
        let (address, admission) = (listener.address().unwrap(), listener.admission());
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        let mut other = socket.connect(address).await.unwrap();
        let own = TcpStream::connect(address).await.unwrap();
        let accepted = tokio::spawn(async move {
            let mut admitted = Vec::new();
            for _ in 0..2 {
                let (stream, address) = listener.accept().await;
                admitted.push(listener.admit(stream, address).await.map(|_| address));
            }
            admitted
        });
        admission.peer.set(Ipv4Addr::LOCALHOST.into()).unwrap();
        assert_eq!(accepted.await.unwrap(), [None, Some(own.local_addr().unwrap())]);
        assert_eq!(other.read(&mut [0]).await.unwrap(), 0, "the connection of the other address is closed");
    }
}
