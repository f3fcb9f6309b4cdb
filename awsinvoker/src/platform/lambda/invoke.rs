//! Calls of the Invoke API.

use std::sync::Arc;
use std::time::SystemTime;

use aws_smithy_runtime_api::client::identity::Identity;
use http::Uri;
use hyper::body::Bytes;
use run_record::{Outcome, Reply};

use super::client::{self, Connection, Sdk};
use super::credentials::Caller;
use super::failure;
use super::function_name::unqualified;
use super::reply;
use super::signature::{SignatureError, Signer};
use super::template::Template;
use super::transport::Transport;
use super::update::Updates;
use crate::clock::wall_now;
use crate::plan::endpoints::{Endpoint, PayloadTemplate};
use crate::platform::answer;
use crate::platform::call::{Answer, Call, LARGE_BYTES, SocketTimes};
use crate::platform::error::StartError;
use crate::platform::http::{self as own_http, CallError, Exchange};

/// One client for all calls, and what to send to each endpoint.
#[derive(Debug)]
pub struct Lambda {
    pub(super) client: Transport,
    caller: Caller,
    /// For calls of other operations.
    pub(super) sdk: aws_config::SdkConfig,
    /// Where calls really go.
    pub(super) address: String,
    /// What calls are signed for.
    pub(super) region: String,
    requests: Vec<Request>,
}

#[derive(Debug)]
struct Request {
    uri: Uri,
    signer: Signer,
    payload: Payload,
    asynchronous: bool,
}

/// What calls send.
#[derive(Debug)]
enum Payload {
    /// All of them the same.
    Same(Bytes),
    /// Each what the template makes for it.
    Filled(PayloadTemplate),
}

/// The answer to one call.
#[derive(Debug)]
pub struct LambdaAnswer {
    result: Result<own_http::Answer, Failure>,
    times: SocketTimes,
    asynchronous: bool,
}

#[derive(Debug)]
enum Failure {
    Unsigned(SignatureError),
    Call(CallError),
}

impl Lambda {
    /// Makes a client for a server on this machine that checks no credentials, such as lambda-local.
    ///
    /// # Errors
    /// None for an address like `http://127.0.0.1:9000`, if there are endpoints.
    pub async fn at(endpoint_url: &str, endpoints: &[Endpoint]) -> Result<Self, StartError> {
        let endpoints: Vec<&Endpoint> = endpoints.iter().collect();
        Self::connect(&Connection::at(endpoint_url), &endpoints).await
    }

    /// Makes the client.
    pub(super) async fn connect(
        connection: &Connection,
        endpoints: &[&Endpoint],
    ) -> Result<Self, StartError> {
        let Sdk { config, credentials, trust } = client::load(connection).await?;
        let mut templates = Vec::with_capacity(endpoints.len());
        for endpoint in endpoints {
            templates.push(Template::new(&config, credentials.clone(), endpoint).await?);
        }
        let first = templates.first().ok_or(StartError::NoEndpoint)?;
        let (address, region) = (first.address(), first.scope.region.clone());
        let settings = connection.settings(trust);
        let client = Transport::new(connection.http, first.origin.clone(), &settings)?;
        let requests = templates.into_iter().zip(endpoints);
        let requests: Vec<Request> =
            requests.map(|(template, endpoint)| Request::new(template, endpoint, &client)).collect();
        let caller = Caller::new(credentials, config.credentials_provider());
        for request in &requests {
            let signed = request.signer.headers(&caller.identity(), wall_now());
            signed.map_err(|error| StartError::Request {
                address: address.clone(),
                reason: error.to_string(),
            })?;
        }
        client.check(&address).await?;
        client.warm(connection.warm_connections).await?;
        Ok(Self { client, caller, sdk: config, address, region, requests })
    }
}

impl Lambda {
    /// What makes the environments of the functions of these host names fresh.
    pub(in crate::platform) fn updates<'a>(&self, hostnames: impl Iterator<Item = &'a str>) -> Updates {
        let names: Vec<&str> = hostnames.map(unqualified).collect();
        Updates::new(&self.sdk, &names)
    }

    /// For how long calls were signed with credentials that had expired, in nanoseconds.
    pub(in crate::platform) fn expired_credentials_ns(&self) -> u64 {
        self.caller.expired_ns()
    }
}

impl Request {
    fn new(template: Template, endpoint: &Endpoint, client: &Transport) -> Self {
        let signer = Signer::new(template.clone(), endpoint.payload.as_bytes());
        let payload = match &endpoint.template {
            None => Payload::Same(Bytes::copy_from_slice(endpoint.payload.as_bytes())),
            Some(template) => Payload::Filled(template.clone()),
        };
        let uri = client.uri(&template.whole_uri, &template.uri).clone();
        Self { uri, signer, payload, asynchronous: endpoint.asynchronous }
    }

    /// What the call of this number sends, signed for this caller and time.
    fn signed(
        &self,
        number: u64,
        identity: &Arc<Identity>,
        now: SystemTime,
    ) -> Result<own_http::Request, SignatureError> {
        let (headers, body) = match &self.payload {
            Payload::Same(payload) => (self.signer.headers(identity, now)?, payload.clone()),
            Payload::Filled(template) => {
                let payload = Bytes::from(template.filled(number));
                (self.signer.headers_for(&payload, identity, now)?, payload)
            }
        };
        Ok(own_http::Request { uri: self.uri.clone(), headers, body })
    }
}

impl Call for Lambda {
    type Answer = LambdaAnswer;

    async fn call(&self, endpoint: usize, number: u64) -> LambdaAnswer {
        let request = &self.requests[endpoint];
        let mut exchange = Exchange::default();
        let now = wall_now();
        let result = match request.signed(number, &self.caller.sign_at(now), now) {
            Ok(signed) => self.client.call(signed, &mut exchange).await.map_err(Failure::Call),
            Err(error) => Err(Failure::Unsigned(error)),
        };
        let times = exchange.socket_times();
        LambdaAnswer { result, times, asynchronous: request.asynchronous }
    }
}

impl Answer for LambdaAnswer {
    fn is_large(&self) -> bool {
        self.result.as_ref().is_ok_and(|answer| answer.body.len() > LARGE_BYTES)
    }

    fn socket_times(&self) -> SocketTimes {
        self.times
    }

    fn digest(&self) -> Option<String> {
        // What comes back from an asynchronous call is not of the function.
        self.result.as_ref().ok().filter(|_| !self.asynchronous).and_then(|it| answer::digest(&it.body))
    }

    fn read(self) -> Reply {
        match &self.result {
            Ok(answer) => reply::read(answer, self.asynchronous),
            Err(Failure::Call(error)) => failure::without_answer(error),
            // Only credentials that came during the run can be so.
            Err(Failure::Unsigned(error)) => Reply::without_answer(Outcome::Transport, error.to_string()),
        }
    }
}
