//! Requests as the SDK makes them, caught before they are sent.
//!
//! The SDK resolves the address of the service (a flag, `AWS_ENDPOINT_URL_LAMBDA`, a `services` section of the profile, FIPS,
//! the region) and knows which path and headers a call needs. So it makes one request for each endpoint. It is not sent:
//! the calls of a run are copies of it, each signed for its own time.

use std::sync::{Arc, Mutex, PoisonError};

use aws_config::SdkConfig;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::Credentials;
use aws_sdk_lambda::error::DisplayErrorContext;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{InvocationType, LogType};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::plan::endpoints::Endpoint;
use crate::platform::error::StartError;
use crate::platform::http::Origin;
use crate::text::shortened;

/// Headers that each call gets anew when it is signed.
const OF_A_SIGNATURE: [&str; 3] = ["authorization", "x-amz-date", "x-amz-security-token"];

/// Headers that tell a server of the SDK's attempts to call it. There is one attempt, which needs no header.
const OF_ATTEMPTS: [&str; 2] = ["amz-sdk-invocation-id", "amz-sdk-request"];

/// A longer message of the SDK is cut.
const MAX_MESSAGE_CHARS: usize = 300;

/// A request without its signature.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Template {
    /// The server.
    pub(super) origin: Origin,
    /// The whole address, as it is signed.
    pub(super) url: String,
    /// The same, as HTTP/2 sends it.
    pub(super) whole_uri: Uri,
    /// Path and query, as HTTP/1.1 sends them.
    pub(super) uri: Uri,
    /// All headers but those of a signature.
    pub(super) headers: HeaderMap,
    /// What the SDK signed it for.
    pub(super) scope: Scope,
}

/// Where a signature is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) region: String,
    pub(super) service: String,
}

/// Takes requests, and sends none.
#[derive(Clone, Debug, Default)]
struct Catcher(Arc<Mutex<Option<HttpRequest>>>);

impl Template {
    /// What the SDK would send to an endpoint.
    pub(super) async fn new(
        sdk: &SdkConfig,
        credentials: Credentials,
        endpoint: &Endpoint,
    ) -> Result<Self, StartError> {
        let request = caught(sdk, credentials, endpoint).await?;
        let failed = |reason: &str| StartError::Request {
            address: request.uri().to_owned(),
            reason: reason.to_owned(),
        };
        let url: Uri = request.uri().parse().map_err(|_| failed("it is no address"))?;
        let origin = Origin::new(&url).ok_or_else(|| failed("expected http:// or https://"))?;
        let path_and_query = url.path_and_query().map_or("/", |path| path.as_str());
        let whole_uri = format!("{origin}{path_and_query}").parse();
        let whole_uri = whole_uri.map_err(|_| failed("its path is wrong"))?;
        let authorization = request.headers().get(AUTHORIZATION).unwrap_or_default();
        let scope = Scope::read(authorization).ok_or_else(|| failed("the SDK did not sign its request"))?;
        let mut headers = HeaderMap::new();
        for (name, value) in request.headers() {
            if !OF_A_SIGNATURE.contains(&name) && !OF_ATTEMPTS.contains(&name) {
                let name = HeaderName::try_from(name).map_err(|_| failed("a header's name is wrong"))?;
                headers.append(name, HeaderValue::from_str(value).map_err(|_| failed("a header is wrong"))?);
            }
        }
        let host = HeaderValue::from_str(origin.authority()).map_err(|_| failed("its host is wrong"))?;
        headers.insert(HOST, host);
        let uri = path_and_query.parse().map_err(|_| failed("its path is wrong"))?;
        Ok(Self { origin, url: request.uri().to_owned(), whole_uri, uri, headers, scope })
    }

    /// The address up to the path of the API.
    pub(super) fn address(&self) -> String {
        let path = self.uri.path();
        let base = path.find("/2015-03-31/").map_or("", |start| &path[..start]);
        format!("{}{base}", self.origin)
    }
}

impl Scope {
    /// From a header `Authorization`: `... Credential=ID/DAY/REGION/SERVICE/aws4_request, ...`.
    fn read(authorization: &str) -> Option<Self> {
        let credential = authorization.split_once("Credential=")?.1.split(',').next()?;
        let mut parts = credential.rsplit('/');
        parts.next().filter(|last| *last == "aws4_request")?;
        let (service, region) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        Some(Self { region, service })
    }
}

/// Lets the SDK make a request.
pub(super) async fn caught(
    sdk: &SdkConfig,
    credentials: Credentials,
    endpoint: &Endpoint,
) -> Result<HttpRequest, StartError> {
    let catcher = Catcher::default();
    let connector = SharedHttpConnector::new(catcher.clone());
    let config = aws_sdk_lambda::config::Builder::from(sdk)
        .credentials_provider(credentials)
        .http_client(http_client_fn(move |_, _| connector.clone()));
    let payload = Blob::new(endpoint.payload.as_bytes());
    let call = Client::from_conf(config.build()).invoke().function_name(&endpoint.hostname).payload(payload);
    let call = if endpoint.asynchronous {
        call.invocation_type(InvocationType::Event)
    } else {
        call.log_type(LogType::Tail)
    };
    // It fails, since it is not sent.
    let sent = call.send().await;
    let caught = catcher.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    caught.ok_or_else(|| {
        let reason = sent.err().map(|error| DisplayErrorContext(&error).to_string()).unwrap_or_default();
        StartError::Request {
            address: endpoint.hostname.clone(),
            reason: shortened(&reason, MAX_MESSAGE_CHARS),
        }
    })
}

impl HttpConnector for Catcher {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(request);
        HttpConnectorFuture::ready(Err(ConnectorError::user("it is not sent".into())))
    }
}
