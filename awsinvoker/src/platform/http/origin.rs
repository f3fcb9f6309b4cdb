//! Which server a client calls.

use std::fmt;
use std::net::IpAddr;

use http::Uri;
use http::uri::Scheme;

/// A server, as an address names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::platform) struct Origin {
    /// Whether it is spoken to through TLS.
    pub(super) tls: bool,
    /// A name, or an address without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// Host and port as the header `Host` has them: without a port that goes without saying.
    pub(super) authority: String,
}

impl Origin {
    /// The server of an absolute address; `None` if its scheme is not `http` or `https`.
    pub(in crate::platform) fn new(uri: &Uri) -> Option<Self> {
        let tls = match uri.scheme()? {
            scheme if *scheme == Scheme::HTTPS => true,
            scheme if *scheme == Scheme::HTTP => false,
            _ => return None,
        };
        let usual = if tls { 443 } else { 80 };
        let (host, port) = (uri.host()?, uri.port_u16().unwrap_or(usual));
        let authority = if port == usual { host.to_owned() } else { format!("{host}:{port}") };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Some(Self { tls, host, port, authority })
    }

    /// Whether it is this machine.
    pub(in crate::platform) fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// A name, or an address without brackets.
    pub(in crate::platform) fn host(&self) -> &str {
        &self.host
    }

    /// The value of the header `Host`.
    pub(in crate::platform) fn authority(&self) -> &str {
        &self.authority
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.tls { "https" } else { "http" }, self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_goes_without_saying_is_not_said() {
        let cases = [
            ("http://127.0.0.1:9000/x", "127.0.0.1", 9000, "http://127.0.0.1:9000"),
            ("http://localhost:80", "localhost", 80, "http://localhost"),
            ("https://localhost:80", "localhost", 80, "https://localhost:80"),
            ("https://[::1]:443/", "::1", 443, "https://[::1]"),
            ("http://[::1]:1", "::1", 1, "http://[::1]:1"),
        ];
        for (uri, host, port, shown) in cases {
            let origin = Origin::new(&uri.parse().unwrap()).unwrap();
            assert_eq!((origin.host.as_str(), origin.port, origin.to_string().as_str()), (host, port, shown));
        }
        for uri in ["/path", "ftp://host"] {
            assert_eq!(Origin::new(&uri.parse().unwrap()), None, "{uri}");
        }
    }
}
