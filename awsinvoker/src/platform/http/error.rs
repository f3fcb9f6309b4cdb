//! Why a call has no answer.

use std::error::Error;
use std::io;
use std::time::Duration;

use run_record::Outcome;

use super::tls::TlsError;
use crate::text::with_causes;

/// What hyper says of bytes that came before anything was asked for; it has no other way to tell.
const UNASKED: &str = "received unexpected message from connection";

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
    #[error("{}", not_http1(.0).unwrap_or_else(|| with_causes(.0)))]
    Http(hyper::Error),
    /// The connection broke, the server ended the exchange, or what came back is no HTTP/2.
    #[error("{}", with_hint(.0))]
    Http2(h2::Error),
    /// The connection ended.
    #[error("the server closed the connection before the answer was complete")]
    Closed,
    /// What came back is no HTTP/2 at all.
    #[error(
        "the server does not speak HTTP/2, as gRPC and `--http 2` need it: `h2c` was expected at this port without TLS"
    )]
    NoHttp2,
    /// The answer is larger than any that is right.
    #[error("the answer has more than {0} bytes, which is more than functions send")]
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
    /// The server speaks TLS, but not the protocol that was asked for.
    #[error(
        "the server does not speak HTTP/2, as gRPC and `--http 2` need it: it did not choose `h2` when TLS began"
    )]
    OtherProtocol,
    /// The connection broke before it could be used.
    #[error("{0}")]
    Http(hyper::Error),
    /// The connection broke before it could be used.
    #[error("{0}")]
    Http2(h2::Error),
}

/// Says what to do if a server sends something else than an answer in HTTP/1.1. `None` if an error has another cause.
pub(in crate::platform) fn not_http1(error: &(dyn Error + 'static)) -> Option<String> {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    let mut causes = causes.filter_map(|error| error.downcast_ref::<hyper::Error>());
    // A gRPC server may send its settings before it has a request.
    let said = causes.find(|error| error.is_parse() || error.to_string() == UNASKED)?;
    Some(format!(
        "no answer in HTTP/1.1 came back ({said}); if the server is a gRPC server, its entry needs `\"protocol\": \"greeter\"`"
    ))
}

/// A server that expects TLS ends a connection without it, or says so in TLS.
fn with_hint(error: &h2::Error) -> String {
    let said = with_causes(error);
    let is_no_frame = error.is_library() && error.reason() == Some(h2::Reason::FRAME_SIZE_ERROR);
    if error.is_io() || is_no_frame {
        format!(
            "{said}: the server may expect TLS (`\"tls\": true` in its entry), or have ended the connection"
        )
    } else {
        said
    }
}

impl CallError {
    /// That the server speaks another protocol than the one that was asked for, in words without its address; `None` if it
    /// is something else that is wrong.
    pub(in crate::platform) fn other_protocol(&self) -> Option<String> {
        match self {
            Self::NoHttp2 => Some(self.to_string()),
            Self::Connect { source: source @ ConnectError::OtherProtocol, .. } => Some(source.to_string()),
            _ => None,
        }
    }

    /// How a call without an answer ended.
    pub(in crate::platform) fn outcome(&self) -> Outcome {
        match self {
            Self::Timeout | Self::ConnectTimeout { .. } => Outcome::Timeout,
            // The server answered, though not as it may.
            Self::TooLarge(_) => Outcome::ServiceError,
            Self::Connect { .. } | Self::Http(_) | Self::Http2(_) | Self::Closed | Self::NoHttp2 => {
                Outcome::Transport
            }
        }
    }
}
