//! Making connections, with the time of each step.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use run_record::Handshake;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;

use super::connection::Connection;
use super::error::{CallError, ConnectError};
use super::origin::Origin;
use super::proxy::Proxy;
use super::tls::{self, TlsError, Trust};
use crate::clock::Moment;
use crate::env_vars;

/// A connection that takes longer to be made counts as timed out, whatever the whole call is allowed.
const MAX_CONNECT: Duration = Duration::from_secs(10);

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
    pub(super) fn new(origin: Origin, trust: &Trust, timeout: Duration) -> Result<Self, TlsError> {
        let limit = timeout.min(MAX_CONNECT);
        if !origin.tls {
            return Ok(Self { origin, tls: None, proxy: None, limit });
        }
        let name = ServerName::try_from(origin.host.clone());
        let name = name.map_err(|error| rustls::Error::General(format!("`{}`: {error}", origin.host)))?;
        let connector = TlsConnector::from(tls::client_config(trust)?);
        let proxy = Proxy::find(&env_vars::proxies(), &origin);
        Ok(Self { origin, tls: Some(Tls { connector, name }), proxy, limit })
    }

    /// Makes a connection.
    pub(super) async fn connect(&self) -> Result<(Connection, Handshake), CallError> {
        match tokio::time::timeout(self.limit, self.open()).await {
            Ok(opened) => {
                opened.map_err(|source| CallError::Connect { address: self.origin.to_string(), source })
            }
            Err(_) => Err(CallError::ConnectTimeout { address: self.origin.to_string(), limit: self.limit }),
        }
    }

    async fn open(&self) -> Result<(Connection, Handshake), ConnectError> {
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
            None => Ok((Connection::new(stream).await?, Handshake { dns_ns, tcp_ns, tls_ns: 0 })),
            Some(tls) => {
                let stream = tls.connector.connect(tls.name.clone(), stream).await.map_err(tls_error)?;
                let tls_ns = Moment::now().ns_since(opened);
                Ok((Connection::new(stream).await?, Handshake { dns_ns, tcp_ns, tls_ns }))
            }
        }
    }
}

/// Tries the addresses in turn.
async fn tcp(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn tls_error(error: io::Error) -> ConnectError {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidMessage(_)) => ConnectError::NoTls,
        _ => ConnectError::Tls(error),
    }
}
