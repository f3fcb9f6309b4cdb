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

    /// Whether it is this machine: by the name `localhost`, by a name in it, or by an address that leads to no other machine.
    pub(in crate::platform) fn is_this_machine(&self) -> bool {
        let name = self.host.strip_suffix('.').unwrap_or(&self.host);
        let top = name.rsplit('.').next().unwrap_or(name);
        top.eq_ignore_ascii_case("localhost") || address(name).is_some_and(leads_here)
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

/// A connection to the unspecified address goes to this machine.
fn leads_here(address: IpAddr) -> bool {
    let address = address.to_canonical();
    address.is_loopback() || address.is_unspecified()
}

/// The address that the system takes this host for. For IPv4, it also takes fewer than four numbers, of which the last one
/// stands for all bytes that are left, and it takes octal and hexadecimal numbers.
fn address(host: &str) -> Option<IpAddr> {
    let parts: Vec<&str> = host.splitn(5, '.').collect();
    let numbers: Option<Vec<u32>> = parts.iter().map(|part| number(part)).collect();
    let Some((&last, bytes)) = numbers.as_deref().and_then(<[u32]>::split_last) else {
        return host.parse().ok();
    };
    let bits_left = 32_u32.checked_sub(8 * u32::try_from(bytes.len()).ok()?).filter(|bits| *bits > 0)?;
    if bytes.iter().any(|byte| *byte > 255) || u64::from(last) >> bits_left > 0 {
        return None;
    }
    let head = bytes.iter().zip([24, 16, 8]).map(|(byte, shift)| byte << shift);
    Some(IpAddr::V4((head.sum::<u32>() + last).into()))
}

/// A number as C writes it. Signs are none.
fn number(text: &str) -> Option<u32> {
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'x' | b'X', _, ..] => (&text[2..], 16),
        [b'0', _, ..] => (&text[1..], 8),
        _ => (text, 10),
    };
    if digits.starts_with('+') { None } else { u32::from_str_radix(digits, radix).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_many_names() {
        let here = [
            "localhost",
            "LOCALHOST",
            "Localhost.",
            "lambda.localhost",
            "127.0.0.1",
            "127.0.0.1.",
            "127.255.255.254",
            "0.0.0.0",
            "[::]",
            "[::1]",
            "[0:0::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::ffff:0.0.0.0]",
            "0",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f000001",
            "0X7F.1",
            "0177.0.0.01",
        ];
        let elsewhere = [
            "localhost.example",
            "mylocalhost",
            "localhost.localstack.cloud",
            "127.0.0.1.example",
            "128.0.0.1",
            "10.0.0.1",
            "1",
            "1.0.0.0",
            "127.example",
            "0x",
            "0127.1",
            "0127.0.0.1",
            "[::2]",
            "[::ffff:10.0.0.1]",
            "[fe80::1]",
            "lambda.us-east-1.amazonaws.com",
        ];
        for (hosts, is_here) in [(here.as_slice(), true), (elsewhere.as_slice(), false)] {
            for host in hosts {
                let origin = Origin::new(&format!("http://{host}:9000/").parse().unwrap()).unwrap();
                assert_eq!(origin.is_this_machine(), is_here, "{host}");
            }
        }
    }

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
