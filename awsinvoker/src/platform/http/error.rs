//! Why a call has no answer.

use std::io;
use std::time::Duration;

use super::tls::TlsError;
use crate::text::with_causes;

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub(in crate::platform) enum CallError {
    /// The whole call took too long.
    #[error("no complete answer within --timeout")]
    Timeout,
    /// Connecting took too long.
    #[error("{address}: no connection within {} s", limit.as_secs_f64())]
    ConnectTimeout {
        /// Whom to connect to.
        address: String,
        /// What it may take.
        limit: Duration,
    },
    /// No connection could be made.
    #[error("{address}: {source}")]
    Connect {
        /// Whom to connect to.
        address: String,
        /// Why not.
        source: ConnectError,
    },
    /// The connection broke, or what came back is no HTTP.
    #[error("{}", with_causes(.0))]
    Http(hyper::Error),
    /// The answer is larger than any that is right.
    #[error("the answer has more than {0} bytes, which is more than Lambda sends")]
    TooLarge(usize),
}

/// Why there can be no client.
#[derive(Debug, thiserror::Error)]
pub(in crate::platform) enum SetupError {
    /// TLS cannot be used.
    #[error("TLS cannot be used: {0}")]
    Tls(#[from] TlsError),
    /// The proxy cannot be used.
    #[error(
        "{variable} is `{value}`, expected a proxy like http://proxy.example:3128; leave servers that need none out with \
         NO_PROXY"
    )]
    Proxy {
        /// Which variable names it.
        variable: &'static str,
        /// Its value, without a password.
        value: String,
    },
}

/// Why no connection could be made.
#[derive(Debug, thiserror::Error)]
pub(in crate::platform) enum ConnectError {
    /// The name has no address.
    #[error("the name cannot be looked up: {0}")]
    Lookup(io::Error),
    /// No address took the connection.
    #[error("cannot connect: {0}")]
    Tcp(io::Error),
    /// The proxy makes no tunnel.
    #[error("the proxy {proxy} makes no tunnel: {reason}")]
    Proxy {
        /// Its host and port.
        proxy: String,
        /// What it said.
        reason: String,
    },
    /// The server is not what it says, or speaks no TLS that is understood.
    #[error("no TLS connection: {0}")]
    Tls(io::Error),
    /// The server does not speak TLS.
    #[error(
        "no TLS connection: the server does not speak TLS; if it speaks plain HTTP, its address starts with http://"
    )]
    NoTls,
    /// The connection broke before it could be used.
    #[error("{0}")]
    Http(hyper::Error),
}

impl CallError {
    /// Whether time ran out.
    pub(in crate::platform) fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout | Self::ConnectTimeout { .. })
    }
}
