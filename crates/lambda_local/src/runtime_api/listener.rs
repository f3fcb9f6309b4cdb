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

impl Listener for PeerListener {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            let early = self.first_bytes(&stream).await;
            if address.ip() == *self.admission.peer.wait().await {
                if let Some(early) = early {
                    // Only the first connection can be early.
                    let _ = self.admission.early.set(early);
                }
                // Without it, a runtime that sends its next call before it has read an answer waits for its own
                // acknowledgements.
                let _ = stream.set_nodelay(true);
                return (stream, address);
            }
            tracing::warn!("{address} tried to use the Runtime API of another environment and was refused");
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
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
        let (address, admission) = (listener.local_addr().unwrap(), listener.admission());
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        let mut other = socket.connect(address).await.unwrap();
        let own = TcpStream::connect(address).await.unwrap();
        let accepted = tokio::spawn(async move { listener.accept().await.1 });
        admission.peer.set(Ipv4Addr::LOCALHOST.into()).unwrap();
        assert_eq!(accepted.await.unwrap(), own.local_addr().unwrap());
        assert_eq!(other.read(&mut [0]).await.unwrap(), 0, "the connection of the other address is closed");
    }
}
