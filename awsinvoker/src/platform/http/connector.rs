//! Making connections, with the time of each step.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use run_record::Handshake;
use rustix::net::sockopt::{set_socket_keepalive, set_tcp_keepidle};
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;

use super::connection::Connection;
use super::error::{CallError, ConnectError, SetupError};
use super::origin::Origin;
use super::proxy::Proxy;
use super::tls::{self, TlsError, Trust};
use crate::clock::Moment;
use crate::env_vars;

/// A connection that takes longer to be made counts as timed out, whatever the whole call is allowed.
const MAX_CONNECT: Duration = Duration::from_secs(10);

/// An address that has not answered for so long is not waited for alone, as RFC 8305 recommends.
const NEXT_ADDRESS: Duration = Duration::from_millis(250);

/// A connection that carries nothing for so long shows that it is alive. NAT gateways forget one that carries nothing for
/// 350 s, and a function may take 900 s.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// Makes connections to one server.
#[derive(Debug)]
pub(super) struct Connector {
    origin: Origin,
    tls: Option<Tls>,
    proxy: Option<Proxy>,
    limit: Duration,
}

struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Connector {
    /// Reads the certificates, and the variables that name proxies, only if the server is behind TLS.
    pub(super) fn new<C: Connection>(
        origin: Origin,
        trust: &Trust,
        timeout: Duration,
    ) -> Result<Self, SetupError> {
        let limit = timeout.min(MAX_CONNECT);
        if !origin.tls {
            return Ok(Self { origin, tls: None, proxy: None, limit });
        }
        let name = ServerName::try_from(origin.host.clone());
        let name = name.map_err(|error| {
            TlsError::Library(rustls::Error::General(format!("`{}`: {error}", origin.host)))
        })?;
        let connector = TlsConnector::from(tls::client_config(trust, C::ALPN)?);
        let proxy = Proxy::find(&env_vars::proxies(), &origin)?;
        Ok(Self { origin, tls: Some(Tls { connector, name }), proxy, limit })
    }

    /// Makes a connection.
    pub(super) async fn connect<C: Connection>(&self) -> Result<(C, Handshake), CallError> {
        match tokio::time::timeout(self.limit, self.open()).await {
            Ok(opened) => {
                opened.map_err(|source| CallError::Connect { address: self.origin.to_string(), source })
            }
            Err(_) => Err(CallError::ConnectTimeout { address: self.origin.to_string(), limit: self.limit }),
        }
    }

    async fn open<C: Connection>(&self) -> Result<(C, Handshake), ConnectError> {
        let (host, port) = match &self.proxy {
            Some(proxy) => (proxy.host.as_str(), proxy.port),
            None => (self.origin.host.as_str(), self.origin.port),
        };
        let started = Moment::now();
        let literal = host.parse::<IpAddr>().ok();
        let addresses = match literal {
            Some(address) => vec![SocketAddr::new(address, port)],
            None => lookup_host((host, port)).await.map_err(ConnectError::Lookup)?.collect(),
        };
        let looked_up = Moment::now();
        let mut stream = tcp(&addresses).await.map_err(ConnectError::Tcp)?;
        if let Some(proxy) = &self.proxy {
            stream = proxy.tunnel(stream, &self.origin).await?;
        }
        let opened = Moment::now();
        let dns_ns = if literal.is_some() { 0 } else { looked_up.ns_since(started) };
        let tcp_ns = opened.ns_since(looked_up);
        match &self.tls {
            None => Ok((C::open(stream).await?, Handshake { dns_ns, tcp_ns, tls_ns: 0 })),
            Some(tls) => {
                let stream = tls.connector.connect(tls.name.clone(), stream).await.map_err(tls_error)?;
                let tls_ns = Moment::now().ns_since(opened);
                if C::ALPN.is_some() && stream.get_ref().1.alpn_protocol() != C::ALPN {
                    return Err(ConnectError::OtherProtocol);
                }
                Ok((C::open(stream).await?, Handshake { dns_ns, tcp_ns, tls_ns }))
            }
        }
    }
}

/// Connects to the first address that answers. Each gets a head start over the next.
async fn tcp(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut addresses = addresses.iter();
    let mut attempts = FuturesUnordered::new();
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    loop {
        attempts.extend(addresses.next().map(TcpStream::connect));
        let is_last = addresses.len() == 0;
        let ended = match tokio::time::timeout(NEXT_ADDRESS, attempts.next()).await {
            Err(_) if is_last => attempts.next().await,
            Err(_) => continue,
            Ok(ended) => ended,
        };
        match ended {
            Some(Ok(stream)) => return tuned(stream),
            Some(Err(error)) => failed = error,
            None => return Err(failed),
        }
    }
}

/// Sends at once what is written, and does not let the way to the server be forgotten.
fn tuned(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    set_socket_keepalive(&stream, true)?;
    set_tcp_keepidle(&stream, KEEP_ALIVE)?;
    Ok(stream)
}

fn tls_error(error: io::Error) -> ConnectError {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidMessage(_)) => ConnectError::NoTls,
        Some(rustls::Error::AlertReceived(rustls::AlertDescription::NoApplicationProtocol)) => {
            ConnectError::OtherProtocol
        }
        _ => ConnectError::Tls(error),
    }
}

#[cfg(test)]
mod tests {
    use rustix::net::sockopt::{socket_keepalive, tcp_keepidle};
    use tokio::net::TcpListener;

    use super::*;

    /// Where packets are dropped without a word, or there is no way to: RFC 5737 reserves it.
    const SILENT: &str = "192.0.2.1:9";

    #[tokio::test]
    async fn an_address_that_does_not_answer_does_not_keep_others_from_being_tried() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let open = listener.local_addr().unwrap();
        let [silent, closed] = [SILENT, "127.0.0.1:1"].map(|address| address.parse().unwrap());
        let stream = tokio::time::timeout(MAX_CONNECT, tcp(&[silent, closed, open])).await.unwrap().unwrap();
        assert_eq!(stream.peer_addr().unwrap(), open);
        assert!(socket_keepalive(&stream).unwrap());
        assert_eq!(tcp_keepidle(&stream).unwrap(), KEEP_ALIVE);
    }

    #[tokio::test]
    async fn addresses_that_all_refuse_are_an_error() {
        let closed = "127.0.0.1:1".parse().unwrap();
        let kind = |error: io::Error| error.kind();
        assert_eq!(tcp(&[closed, closed]).await.map_err(kind).unwrap_err(), io::ErrorKind::ConnectionRefused);
        assert_eq!(tcp(&[]).await.map_err(kind).unwrap_err(), io::ErrorKind::NotFound);
    }
}
