//! The listener of one environment's Runtime API, which only that environment may use.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::SetOnce;

/// Accepts connections from one address, its peer. Connections wait until the peer is known.
#[derive(Debug)]
pub(crate) struct PeerListener {
    listener: TcpListener,
    peer: Arc<SetOnce<IpAddr>>,
}

impl PeerListener {
    /// Listens on a free port of `address`. The peer is not known yet.
    ///
    /// # Errors
    /// If this machine does not have the address, or is short of ports or descriptors.
    pub(crate) async fn bind(address: IpAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::new(address, 0)).await?;
        Ok(Self { listener, peer: Arc::new(SetOnce::new()) })
    }

    /// Where the address of the peer is set, once.
    pub(crate) fn peer(&self) -> Arc<SetOnce<IpAddr>> {
        Arc::clone(&self.peer)
    }
}

impl Listener for PeerListener {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            if address.ip() == *self.peer.wait().await {
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
        let (address, peer) = (listener.local_addr().unwrap(), listener.peer());
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        let mut other = socket.connect(address).await.unwrap();
        let own = TcpStream::connect(address).await.unwrap();
        let accepted = tokio::spawn(async move { listener.accept().await.1 });
        peer.set(Ipv4Addr::LOCALHOST.into()).unwrap();
        assert_eq!(accepted.await.unwrap(), own.local_addr().unwrap());
        assert_eq!(other.read(&mut [0]).await.unwrap(), 0, "the connection of the other address is closed");
    }
}
