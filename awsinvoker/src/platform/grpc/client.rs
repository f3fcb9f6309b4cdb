//! The client of all functions of a run.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_TYPE, TE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use run_record::Reply;

use super::endpoint::GrpcEndpoint;
use super::reply::{self, Asked};
use crate::clock::Moment;
use crate::platform::call::{Answer, Call, SocketTimes};
use crate::platform::cause::MAX_MESSAGE_CHARS;
use crate::platform::error::StartError;
use crate::platform::http::http2::{self, Http2};
use crate::platform::http::{CallError, Client, Exchange, Origin, Settings, Trust};
use crate::text::shortened;

/// A larger answer takes so long to read that it would delay others on the same thread.
const LARGE_BYTES: usize = 64 << 10;

const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// How functions are called.
#[derive(Clone, Debug)]
pub struct Config {
    /// What a call may take, from connecting to the last byte. The function is told.
    pub timeout: Duration,
    /// Whether connections are used again.
    pub pooled: bool,
    /// How many connections are made to each server before the start.
    pub warm_connections: u32,
    /// The file of the certificates that are trusted. Without one, it is those that the system trusts.
    pub ca_bundle: Option<PathBuf>,
}

/// One client for each server, and what to send to each endpoint.
#[derive(Debug)]
pub struct Grpc {
    clients: Vec<Arc<Client<Http2>>>,
    endpoints: Vec<Endpoint>,
}

/// The answer to one call.
#[derive(Debug)]
pub struct GrpcAnswer {
    result: Result<http2::Answer, CallError>,
    times: SocketTimes,
    issued: Moment,
    asked: Asked,
}

#[derive(Debug)]
struct Endpoint {
    /// Its index.
    client: usize,
    request: http2::Request,
    asked: Asked,
}

impl Grpc {
    /// Makes the clients, and the connections that are asked for.
    ///
    /// # Errors
    /// There is no endpoint, one cannot be used, TLS cannot be used, or a connection cannot be made.
    pub async fn connect(config: &Config, endpoints: &[GrpcEndpoint]) -> Result<Self, StartError> {
        if endpoints.is_empty() {
            return Err(StartError::NoEndpoint);
        }
        let trust = config.ca_bundle.clone().map_or(Trust::System, Trust::File);
        let settings = Settings { timeout: config.timeout, pooled: config.pooled, trust };
        let headers = Arc::new(headers(config.timeout));
        let mut servers = Servers::default();
        let mut found = Vec::with_capacity(endpoints.len());
        for endpoint in endpoints {
            found.push(Endpoint::new(endpoint, &mut servers, &settings, &headers)?);
        }
        for client in &servers.clients {
            let warmed = client.warm(config.warm_connections).await;
            warmed.map_err(|error| StartError::NotWarmed(error.to_string()))?;
        }
        Ok(Self { clients: servers.clients, endpoints: found })
    }
}

/// The servers so far.
#[derive(Default)]
struct Servers {
    origins: Vec<Origin>,
    clients: Vec<Arc<Client<Http2>>>,
}

impl Servers {
    /// The index of the client of this server.
    fn client(&mut self, origin: Origin, settings: &Settings) -> Result<usize, StartError> {
        if let Some(index) = self.origins.iter().position(|known| *known == origin) {
            return Ok(index);
        }
        let client = Client::new(origin.clone(), settings);
        let client = client.map_err(|error| StartError::NoClient(error.to_string()))?;
        self.origins.push(origin);
        self.clients.push(Arc::new(client));
        Ok(self.clients.len() - 1)
    }
}

impl Endpoint {
    fn new(
        endpoint: &GrpcEndpoint,
        servers: &mut Servers,
        settings: &Settings,
        headers: &Arc<HeaderMap>,
    ) -> Result<Self, StartError> {
        let failed = |reason: String| StartError::Request { address: endpoint.hostname.clone(), reason };
        let payload = endpoint.read_payload().map_err(|error| failed(error.to_string()))?;
        let address = endpoint.address().map_err(|error| failed(error.to_string()))?;
        let origin = address.parse().ok().and_then(|uri| Origin::new(&uri));
        let origin = origin.ok_or_else(|| failed(format!("`{address}` is no address")))?;
        let uri: Uri = format!("{origin}{}", payload.service.path())
            .parse()
            .map_err(|error| failed(format!("`{address}` is no address: {error}")))?;
        let client = servers.client(origin, settings)?;
        let request = http2::Request { uri, headers: Arc::clone(headers), body: payload.body };
        let asked = Asked {
            service: payload.service,
            is_event: payload.is_event,
            timeout_ns: u64::try_from(settings.timeout.as_nanos()).unwrap_or(u64::MAX),
        };
        Ok(Self { client, request, asked })
    }
}

impl Call for Grpc {
    type Answer = GrpcAnswer;

    async fn call(&self, endpoint: usize) -> GrpcAnswer {
        let issued = Moment::now();
        let Endpoint { client, request, asked } = &self.endpoints[endpoint];
        let mut exchange = Exchange::default();
        let result = self.clients[*client].call(request.clone(), &mut exchange).await;
        GrpcAnswer { result, times: exchange.socket_times(), issued, asked: *asked }
    }
}

impl Answer for GrpcAnswer {
    fn is_large(&self) -> bool {
        self.result.as_ref().is_ok_and(|answer| answer.body.len() > LARGE_BYTES)
    }

    fn socket_times(&self) -> SocketTimes {
        self.times
    }

    fn digest(&self) -> Option<String> {
        self.result.as_ref().ok().and_then(|answer| reply::digest(answer, self.asked))
    }

    fn read(self) -> Reply {
        match &self.result {
            Ok(answer) => {
                let answered_ns = self.times.first_byte.map(|moment| moment.ns_since(self.issued));
                reply::read(answer, self.asked, answered_ns)
            }
            Err(error) => {
                Reply::without_answer(error.outcome(), shortened(&error.to_string(), MAX_MESSAGE_CHARS))
            }
        }
    }
}

/// What each call says.
fn headers(timeout: Duration) -> HeaderMap {
    let user_agent = HeaderValue::from_static(concat!("awsinvoker/", env!("CARGO_PKG_VERSION")));
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(TE, HeaderValue::from_static("trailers"));
    headers.insert(USER_AGENT, user_agent);
    if let Ok(timeout) = HeaderValue::from_str(&timeout_text(timeout)) {
        headers.insert(TIMEOUT, timeout);
    }
    headers
}

/// A time-out in the finest unit in which it has at most eight digits, rounded up.
fn timeout_text(timeout: Duration) -> String {
    const MAX: u128 = 99_999_999;
    let ns = timeout.as_nanos();
    let units = [(1, "n"), (1_000, "u"), (1_000_000, "m"), (1_000_000_000, "S"), (60_000_000_000, "M")];
    let hours = (3_600_000_000_000, "H");
    let fits = |(unit, _): &(u128, &str)| ns.div_ceil(*unit) <= MAX;
    let (unit, letter) = units.into_iter().find(fits).unwrap_or(hours);
    format!("{}{letter}", ns.div_ceil(unit).min(MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_out_has_at_most_eight_digits() {
        let ns = Duration::from_nanos;
        let cases = [
            (ns(1), "1n"),
            (ns(99_999_999), "99999999n"),
            (ns(100_000_001), "100001u"),
            (Duration::from_secs(60), "60000000u"),
            (Duration::from_secs(100), "100000m"),
            (Duration::from_secs(1_000_000), "1000000S"),
            (Duration::from_secs(99_999_999 * 60), "99999999M"),
            (Duration::MAX, "99999999H"),
        ];
        for (timeout, text) in cases {
            assert_eq!(timeout_text(timeout), text);
        }
    }
}
