//! The client of all functions of a run.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_TYPE, TE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use run_record::{Outcome, Reply};

use super::endpoint::{EndpointError, GrpcEndpoint, Payload};
use super::reply::{self, Asked};
use crate::clock::Moment;
use crate::platform::call::{Answer, Call, LARGE_BYTES, SocketTimes};
use crate::platform::cause::MAX_MESSAGE_CHARS;
use crate::platform::error::StartError;
use crate::platform::http::http2::{self, Http2};
use crate::platform::http::{CallError, Client, Exchange, Origin, Settings, Trust};
use crate::text::shortened;

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

/// The client of one server, and what to send to each endpoint at it.
#[derive(Debug)]
pub struct Grpc {
    client: Arc<Client<Http2>>,
    endpoints: Vec<Endpoint>,
}

/// The answer to one call.
#[derive(Debug)]
pub struct GrpcAnswer {
    result: Result<http2::Answer, Failure>,
    times: SocketTimes,
    issued: Moment,
    asked: Asked,
}

/// Why a call has no answer.
#[derive(Debug)]
enum Failure {
    /// What a template made of its values cannot be sent. What it can make is checked before, as far as that can be.
    Payload(EndpointError),
    Call(CallError),
}

#[derive(Debug)]
struct Endpoint {
    request: http2::Request,
    asked: Asked,
    /// What is called, if each call is sent something else.
    template: Option<GrpcEndpoint>,
}

impl Grpc {
    /// Makes the client, and the connections that are asked for. All endpoints are at the same server.
    ///
    /// # Errors
    /// There is no endpoint, one cannot be used or is at another server, TLS cannot be used, or a connection cannot be made.
    pub async fn connect(config: &Config, endpoints: &[GrpcEndpoint]) -> Result<Self, StartError> {
        let origin = origin(endpoints.first().ok_or(StartError::NoEndpoint)?)?;
        let trust = config.ca_bundle.clone().map_or(Trust::System, Trust::File);
        let settings = Settings { timeout: config.timeout, pooled: config.pooled, trust };
        let headers = Arc::new(headers(config.timeout));
        let made = endpoints.iter().map(|endpoint| Endpoint::new(endpoint, &origin, &settings, &headers));
        let endpoints = made.collect::<Result<Vec<_>, _>>()?;
        let client = Client::new(origin, &settings);
        let client = Arc::new(client.map_err(|error| StartError::NoClient(error.to_string()))?);
        let warmed = client.warm(config.warm_connections).await;
        warmed.map_err(|error| StartError::NotWarmed(error.to_string()))?;
        Ok(Self { client, endpoints })
    }
}

impl Endpoint {
    fn new(
        endpoint: &GrpcEndpoint,
        server: &Origin,
        settings: &Settings,
        headers: &Arc<HeaderMap>,
    ) -> Result<Self, StartError> {
        let failed = |reason| failed(endpoint, reason);
        let origin = origin(endpoint)?;
        if origin != *server {
            return Err(failed(format!(
                "it is at {origin}, expected {server}, as all endpoints of one client"
            )));
        }
        endpoint.check().map_err(|error| failed(error.to_string()))?;
        let payload = endpoint.read_payload(0).map_err(|error| failed(error.to_string()))?;
        let uri: Uri = format!("{origin}{}", payload.service.path())
            .parse()
            .map_err(|error| failed(format!("`{origin}` is no address: {error}")))?;
        let request = http2::Request { uri, headers: Arc::clone(headers), body: payload.body };
        let asked = Asked {
            service: payload.service,
            is_event: payload.is_event,
            timeout_ns: u64::try_from(settings.timeout.as_nanos()).unwrap_or(u64::MAX),
        };
        let template = endpoint.template.is_some().then(|| endpoint.clone());
        Ok(Self { request, asked, template })
    }

    /// What the call of this number sends.
    fn request(&self, number: u64) -> Result<(http2::Request, Asked), EndpointError> {
        let Some(template) = &self.template else { return Ok((self.request.clone(), self.asked)) };
        let Payload { service, is_event, body } = template.read_payload(number)?;
        Ok((http2::Request { body, ..self.request.clone() }, Asked { service, is_event, ..self.asked }))
    }
}

/// The server that an endpoint is at.
fn origin(endpoint: &GrpcEndpoint) -> Result<Origin, StartError> {
    let address = endpoint.address().map_err(|error| failed(endpoint, error.to_string()))?;
    let origin = address.parse().ok().and_then(|uri| Origin::new(&uri));
    origin.ok_or_else(|| failed(endpoint, format!("`{address}` is no address")))
}

fn failed(endpoint: &GrpcEndpoint, reason: String) -> StartError {
    StartError::Request { address: endpoint.hostname.clone(), reason }
}

impl Call for Grpc {
    type Answer = GrpcAnswer;

    async fn call(&self, endpoint: usize, number: u64) -> GrpcAnswer {
        let issued = Moment::now();
        let endpoint = &self.endpoints[endpoint];
        let mut exchange = Exchange::default();
        let (result, asked) = match endpoint.request(number) {
            Ok((request, asked)) => {
                (self.client.call(request, &mut exchange).await.map_err(Failure::Call), asked)
            }
            Err(error) => (Err(Failure::Payload(error)), endpoint.asked),
        };
        GrpcAnswer { result, times: exchange.socket_times(), issued, asked }
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
            Err(Failure::Call(error)) => {
                Reply::without_answer(error.outcome(), shortened(&error.to_string(), MAX_MESSAGE_CHARS))
            }
            Err(Failure::Payload(error)) => Reply::without_answer(Outcome::Transport, error.to_string()),
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
