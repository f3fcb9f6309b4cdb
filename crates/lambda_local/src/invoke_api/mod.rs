//! The Invoke API: what clients ask of Lambda.

mod answer;
mod request;

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

use self::answer::respond;
use self::request::{ClientRequest, InvocationType};
use crate::events::Events;
use crate::function_reference::FunctionReference;
use crate::invocation::Request;
use crate::refusal::Refusal;
use crate::service::Service;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

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
        .with_state(Arc::new(api))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InvokeQuery {
    qualifier: Option<String>,
}

async fn invoke(
    State(api): State<Arc<Api>>,
    function: Result<Path<String>, PathRejection>,
    query: Result<Query<InvokeQuery>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let request_id = Uuid::new_v4().to_string();
    let response = match (function, query) {
        (Ok(Path(function)), Ok(Query(query))) => {
            api.invoke(&function, query.qualifier.as_deref(), &headers, body, &request_id).await
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

impl Api {
    async fn invoke(
        &self,
        reference: &str,
        qualifier: Option<&str>,
        headers: &HeaderMap,
        body: Body,
        request_id: &str,
    ) -> Result<Response, Refusal> {
        let (function, qualifier) = self.find(reference, qualifier)?;
        let ClientRequest { invocation_type, wants_log, request } =
            ClientRequest::read(headers, body, request_id).await?;
        let request = Request { qualifier, ..request };
        match invocation_type {
            InvocationType::DryRun => Ok(StatusCode::NO_CONTENT.into_response()),
            InvocationType::Event => {
                self.events.accept(function, request)?;
                Ok(StatusCode::ACCEPTED.into_response())
            }
            InvocationType::RequestResponse => {
                let reply = self.service.invoke(function, request)?.wait().await;
                Ok(respond(reply, request_id, wants_log))
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
