//! Where to listen.

use std::ffi::OsString;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};

use socket2::{Domain, Socket, Type};

/// The port of vHive's functions.
const DEFAULT_PORT: u16 = 50051;
/// How many connections wait to be accepted.
const BACKLOG: i32 = 1024;

/// An address, as far as it is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Address {
    /// An IP address or a name of this machine; all addresses if absent.
    pub(crate) host: Option<String>,
    /// The port; 0 is any that is free.
    pub(crate) port: Option<u16>,
}

impl Address {
    /// Reads `HOST:PORT`, `HOST` or `:PORT`, the value of `--addr`. An IPv6 address with a port stands in brackets.
    ///
    /// # Errors
    /// What was expected.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !is_ipv6(text) && !text.ends_with(']') => (host, Some(port)),
            _ => (text, None),
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if (host.contains(':') && !is_ipv6(host)) || (host.is_empty() && port.is_none()) {
            return Err(format!("--addr is {text:?}; expected HOST:PORT, HOST, :PORT or [IPV6]:PORT"));
        }
        let port = port.map(|port| read_port("the port of --addr", port)).transpose()?;
        Ok(Self { host: (!host.is_empty()).then(|| host.to_owned()), port })
    }

    /// The address with the port of `--port`, if there is one.
    ///
    /// # Errors
    /// If both name a port, and not the same.
    pub(crate) fn with_port(self, port: Option<u16>) -> Result<Self, String> {
        match (self.port, port) {
            (Some(own), Some(port)) if own != port => {
                Err(format!("--addr names the port {own}, and --port the port {port}; name one"))
            }
            (own, port) => Ok(Self { port: own.or(port), ..self }),
        }
    }

    /// The address with the port of the first of `variables` that is neither absent nor empty, if it has none yet.
    ///
    /// # Errors
    /// If that variable does not hold a port.
    pub(crate) fn with_variables<const N: usize>(
        self,
        variables: [(&'static str, Option<OsString>); N],
    ) -> Result<Self, String> {
        let named =
            variables.into_iter().find_map(|(name, value)| Some((name, value.filter(|v| !v.is_empty())?)));
        match (self.port, named) {
            (None, Some((name, value))) => {
                Ok(Self { port: Some(read_port(name, &value.to_string_lossy())?), ..self })
            }
            _ => Ok(self),
        }
    }

    /// Listens. Without a host, it is on all addresses, of IPv6 and IPv4, or of IPv4 alone if this machine has no IPv6.
    ///
    /// # Errors
    /// A message that names the address.
    pub(crate) fn listen(&self) -> Result<TcpListener, String> {
        let port = self.port.unwrap_or(DEFAULT_PORT);
        let Some(host) = &self.host else {
            let all = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
            return match listen(all) {
                Err(error) if has_no_ipv6(&error) => {
                    let all = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
                    listen(all).map_err(|error| refused(&all.to_string(), &error))
                }
                result => result.map_err(|error| refused(&all.to_string(), &error)),
            };
        };
        // For a name that has several addresses, an IPv4 address is preferred.
        let found = (host.as_str(), port).to_socket_addrs();
        let address = found.and_then(|found| {
            found.min_by_key(SocketAddr::is_ipv6).ok_or_else(|| io::Error::other("the name has no address"))
        });
        address.and_then(listen).map_err(|error| refused(&format!("{host}:{port}"), &error))
    }
}

/// Reads a port, which `name` names.
///
/// # Errors
/// What was expected.
pub(crate) fn read_port(name: &str, text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("{name} is {text:?}; expected a whole number from 0 to 65535"))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        // Some systems separate the two by default.
        socket.set_only_v6(address.ip() != IpAddr::V6(Ipv6Addr::UNSPECIFIED))?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn has_no_ipv6(error: &io::Error) -> bool {
    // The family is not compiled in, or not switched on.
    const EAFNOSUPPORT: i32 = 97;
    error.raw_os_error() == Some(EAFNOSUPPORT) || error.kind() == io::ErrorKind::AddrNotAvailable
}

fn refused(address: &str, error: &io::Error) -> String {
    format!("cannot listen on {address}: {error}; choose another address with --addr or --port")
}

fn is_ipv6(text: &str) -> bool {
    text.parse::<Ipv6Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(host: Option<&str>, port: Option<u16>) -> Address {
        Address { host: host.map(str::to_owned), port }
    }

    #[test]
    fn addresses_are_read() {
        for (text, host, port) in [
            ("127.0.0.1:80", Some("127.0.0.1"), Some(80)),
            ("localhost:0", Some("localhost"), Some(0)),
            ("0.0.0.0", Some("0.0.0.0"), None),
            ("host", Some("host"), None),
            (":50051", None, Some(50051)),
            ("::1", Some("::1"), None),
            ("[::1]", Some("::1"), None),
            ("[::]:50051", Some("::"), Some(50051)),
        ] {
            assert_eq!(Address::parse(text), Ok(address(host, port)), "{text}");
        }
    }

    #[test]
    fn bad_addresses_are_refused() {
        let form = "expected HOST:PORT, HOST, :PORT or [IPV6]:PORT";
        for (text, message) in [
            ("", format!("--addr is \"\"; {form}")),
            ("a:b:1", format!("--addr is \"a:b:1\"; {form}")),
            ("http://a:1", format!("--addr is \"http://a:1\"; {form}")),
            ("a:", "the port of --addr is \"\"; expected a whole number from 0 to 65535".to_owned()),
            ("a:http", "the port of --addr is \"http\"; expected a whole number from 0 to 65535".to_owned()),
        ] {
            assert_eq!(Address::parse(text), Err(message), "{text}");
        }
    }

    #[test]
    fn flags_win_over_variables_and_the_first_variable_over_the_second() {
        let variables = |first: Option<&str>, second: Option<&str>| {
            [("PORT", first.map(OsString::from)), ("GRPC_PORT", second.map(OsString::from))]
        };
        for (port, first, second, expected) in [
            (None, None, None, Ok(None)),
            (None, Some("8080"), Some("50051"), Ok(Some(8080))),
            (None, Some(""), Some("50051"), Ok(Some(50051))),
            (None, None, Some("1"), Ok(Some(1))),
            (Some(7), Some("8080"), None, Ok(Some(7))),
            (None, Some("http"), None, Err("PORT is \"http\"; expected a whole number from 0 to 65535")),
            (Some(7), Some("http"), None, Ok(Some(7))),
        ] {
            let found = address(None, port).with_variables(variables(first, second));
            assert_eq!(found.map(|found| found.port), expected.map_err(str::to_owned), "{port:?} {first:?}");
        }
    }

    #[test]
    fn a_free_port_is_found_on_each_kind_of_address() {
        for host in [None, Some("127.0.0.1"), Some("localhost")] {
            let listener = address(host, Some(0)).listen().unwrap();
            assert_ne!(listener.local_addr().unwrap().port(), 0, "{host:?}");
        }
    }

    #[test]
    fn an_address_in_use_is_named() {
        let first = address(Some("127.0.0.1"), Some(0)).listen().unwrap();
        let port = first.local_addr().unwrap().port();
        let message = address(Some("127.0.0.1"), Some(port)).listen().unwrap_err();
        assert!(
            message.starts_with(&format!("cannot listen on 127.0.0.1:{port}: Address already in use")),
            "{message}"
        );
    }
}
