//! The Invoke API: what clients ask of Lambda.

mod answer;
mod event_stream;
mod request;
mod streaming;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Deserialize;
use uuid::Uuid;

pub(crate) use self::answer::respond;
pub(crate) use self::request::{ClientRequest, InvocationType};
use crate::events::Events;
use crate::function_reference::FunctionReference;
use crate::invocation::Request;
use crate::refusal::Refusal;
use crate::reply_stream::ReplyStream;
use crate::service::Service;

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// What the routes need.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) service: Arc<Service>,
    pub(crate) events: Events,
}

/// The routes of the Invoke API.
pub(crate) fn routes(api: Api) -> Router {
    Router::new()
        .route("/2015-03-31/functions/{function}/invocations", post(invoke))
        .route("/2021-11-15/functions/{function}/response-streaming-invocations", post(invoke_streaming))
        .with_state(Arc::new(api))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct InvokeQuery {
    pub(crate) qualifier: Option<String>,
}

/// How a client wants its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delivery {
    Whole,
    Streamed,
}

type Function = Result<Path<String>, PathRejection>;
type Parameters = Result<Query<InvokeQuery>, QueryRejection>;

async fn invoke(
    State(api): State<Arc<Api>>,
    function: Function,
    query: Parameters,
    headers: HeaderMap,
    body: Body,
) -> Response {
    api.respond(function, query, &headers, body, Delivery::Whole).await
}

async fn invoke_streaming(
    State(api): State<Arc<Api>>,
    function: Function,
    query: Parameters,
    headers: HeaderMap,
    body: Body,
) -> Response {
    api.respond(function, query, &headers, body, Delivery::Streamed).await
}

impl Api {
    async fn respond(
        &self,
        function: Function,
        query: Parameters,
        headers: &HeaderMap,
        body: Body,
        delivery: Delivery,
    ) -> Response {
        let request_id = Uuid::new_v4().to_string();
        let response = match (function, query) {
            (Ok(Path(function)), Ok(Query(query))) => {
                let found = self.find(&function, query.qualifier.as_deref());
                self.invoke(found, headers, body, &request_id, delivery).await
            }
            (Err(rejection), _) => Err(Refusal::InvalidParameter(rejection.body_text())),
            (_, Err(rejection)) => Err(Refusal::InvalidParameter(rejection.body_text())),
        };
        let mut response = response.unwrap_or_else(IntoResponse::into_response);
        if let Ok(request_id) = HeaderValue::from_str(&request_id) {
            response.headers_mut().insert(REQUEST_ID, request_id);
        }
        response
    }

    async fn invoke(
        &self,
        found: Result<(usize, Option<String>), Refusal>,
        headers: &HeaderMap,
        body: Body,
        request_id: &str,
        delivery: Delivery,
    ) -> Result<Response, Refusal> {
        let (function, qualifier) = found?;
        let ClientRequest { invocation_type, wants_log, request } =
            ClientRequest::read(headers, body, request_id, delivery == Delivery::Whole).await?;
        let request = Request { qualifier, ..request };
        match (invocation_type, delivery) {
            (InvocationType::DryRun, _) => Ok(StatusCode::NO_CONTENT.into_response()),
            (InvocationType::Event, _) => {
                self.events.accept(function, request)?;
                Ok(StatusCode::ACCEPTED.into_response())
            }
            (InvocationType::RequestResponse, Delivery::Whole) => {
                let reply = self.service.invoke(function, request)?.wait().await;
                Ok(respond(reply, request_id, wants_log))
            }
            (InvocationType::RequestResponse, Delivery::Streamed) => {
                let (stream, chunks) = ReplyStream::new();
                let request = Request { stream: Some(stream), ..request };
                let reply = self.service.invoke(function, request)?;
                streaming::respond(reply, chunks, request_id.to_owned(), wants_log).await
            }
        }
    }

    /// The number of the function that a client means, and the version that it named.
    fn find(&self, reference: &str, qualifier: Option<&str>) -> Result<(usize, Option<String>), Refusal> {
        let region = self.service.region();
        let reference = FunctionReference::parse(reference, qualifier, region)?;
        let function = self.service.find(&reference.name).filter(|_| reference.is_latest());
        let function = function.ok_or_else(|| Refusal::FunctionNotFound(reference.qualified_arn(region)))?;
        Ok((function, reference.qualifier))
    }
}
