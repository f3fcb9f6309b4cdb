//! The client of a Lambda, with the version of HTTP that was asked for.

use std::sync::Arc;

use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderMap, HeaderValue, Uri};
use hyper::body::Bytes;

use crate::platform::error::StartError;
use crate::platform::http::http2::{self, Http2};
use crate::platform::http::{Answer, CallError, Client, Exchange, Origin, Request, Settings};

/// A version of HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum HttpVersion {
    #[default]
    Http1,
    Http2,
}

/// A client of one server.
#[derive(Clone, Debug)]
pub(super) enum Transport {
    Http1(Arc<Client>),
    Http2(Arc<Client<Http2>>),
}

impl HttpVersion {
    /// As `run.json` has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Http1 => "1.1",
            Self::Http2 => "2",
        }
    }
}

impl Transport {
    /// A client that has not connected yet.
    pub(super) fn new(version: HttpVersion, origin: Origin, settings: &Settings) -> Result<Self, StartError> {
        let client = match version {
            HttpVersion::Http1 => Client::new(origin, settings).map(|client| Self::Http1(Arc::new(client))),
            HttpVersion::Http2 => Client::new(origin, settings).map(|client| Self::Http2(Arc::new(client))),
        };
        client.map_err(|error| StartError::NoClient(error.to_string()))
    }

    /// Makes connections that wait for calls.
    pub(super) async fn warm(&self, connections: u32) -> Result<(), StartError> {
        let warmed = match self {
            Self::Http1(client) => client.warm(connections).await,
            Self::Http2(client) => client.warm(connections).await,
        };
        warmed.map_err(|error| StartError::NotWarmed(error.to_string()))
    }

    /// What a request has as its address, of the whole one and of its path and query.
    pub(super) fn uri<'a>(&self, whole: &'a Uri, path: &'a Uri) -> &'a Uri {
        match self {
            Self::Http1(_) => path,
            Self::Http2(_) => whole,
        }
    }

    /// Makes a call. What is known of it stands in `exchange` at any time.
    pub(super) async fn call(&self, request: Request, exchange: &mut Exchange) -> Result<Answer, CallError> {
        match self {
            Self::Http1(client) => client.call(request, exchange).await,
            Self::Http2(client) => {
                let Request { uri, mut headers, body } = request;
                // In HTTP/2, the address says which host is meant. That it was signed is the same.
                headers.remove(HOST);
                let request = http2::Request { uri, headers: Arc::new(headers), body };
                let http2::Answer { status, headers, body, .. } = client.call(request, exchange).await?;
                Ok(Answer { status, headers, body })
            }
        }
    }

    /// Asks the server at this address for nothing that is there. A refusal is an answer as well.
    pub(super) async fn ask_for_nothing(&self, address: &Uri) -> Option<Result<Answer, CallError>> {
        let host = HeaderValue::from_str(address.authority()?.as_str()).ok()?;
        let headers = HeaderMap::from_iter([(HOST, host), (CONTENT_LENGTH, HeaderValue::from_static("0"))]);
        let uri = self.uri(address, &Uri::from_static("/")).clone();
        Some(self.call(Request { uri, headers, body: Bytes::new() }, &mut Exchange::default()).await)
    }

    /// Checks that the server speaks HTTP/2, if that was asked for. What else is wrong, calls will tell.
    pub(super) async fn check(&self, address: &str) -> Result<(), StartError> {
        let Some(uri) = address.parse().ok().filter(|_| matches!(self, Self::Http2(_))) else {
            return Ok(());
        };
        let asked = self.ask_for_nothing(&uri).await.and_then(Result::err);
        match asked.and_then(|error| error.other_protocol()) {
            Some(reason) => Err(StartError::NoHttp2 { address: address.to_owned(), reason }),
            None => Ok(()),
        }
    }
}
