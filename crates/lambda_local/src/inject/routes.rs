//! The Invoke API of injected functions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{ConnectInfo, Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use uuid::Uuid;

use super::alarm::Alarm;
use super::answer;
use super::connection::{Caller, Control};
use super::ending::{End, Job, Planned};
use super::model::{Draw, Kind, Model};
use super::truth::{Entry, Truth};
use crate::function_reference::FunctionReference;
use crate::invoke_api::{ClientRequest, InvocationType, InvokeQuery, REQUEST_ID, respond};
use crate::refusal::Refusal;

/// What the routes need.
#[derive(Debug)]
pub(super) struct Api {
    pub(super) region: String,
    pub(super) functions: BTreeMap<String, Function>,
    pub(super) truth: Truth,
    pub(super) alarm: Arc<Alarm<Job>>,
}

/// A function, and how often it was called.
#[derive(Debug)]
pub(super) struct Function {
    name: Arc<str>,
    model: Model,
    calls: AtomicU64,
}

impl Function {
    pub(super) fn new(name: &str, model: Model) -> Self {
        Self { name: name.into(), model, calls: AtomicU64::new(0) }
    }
}

/// The routes.
pub(super) fn routes(api: Arc<Api>) -> Router {
    Router::new()
        .route("/2015-03-31/functions/{function}/invocations", post(invoke))
        .method_not_allowed_fallback(not_emulated)
        .fallback(not_emulated)
        .with_state(api)
}

async fn not_emulated(ConnectInfo(Caller(control)): ConnectInfo<Caller>, request: Request) -> Refusal {
    control.idle().await;
    Refusal::NotEmulated(format!("{} {} for injected functions", request.method(), request.uri().path()))
}

async fn invoke(
    State(api): State<Arc<Api>>,
    ConnectInfo(Caller(control)): ConnectInfo<Caller>,
    Path(function): Path<String>,
    Query(query): Query<InvokeQuery>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    // Nothing is sent before the answers to earlier requests of the connection, which may be held back.
    control.idle().await;
    let request_id = Uuid::new_v4().to_string();
    let response = api.invoke(&control, &function, query.qualifier.as_deref(), &headers, body, &request_id);
    let mut response = response.await.unwrap_or_else(IntoResponse::into_response);
    if let Ok(request_id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, request_id);
    }
    response
}

impl Api {
    async fn invoke(
        &self,
        control: &Control,
        reference: &str,
        qualifier: Option<&str>,
        headers: &HeaderMap,
        body: Body,
        request_id: &str,
    ) -> Result<Response, Refusal> {
        let reference = FunctionReference::parse(reference, qualifier, &self.region)?;
        let function = self.functions.get(&reference.name).filter(|_| reference.is_latest());
        let not_found = || Refusal::FunctionNotFound(reference.qualified_arn(&self.region));
        let function = function.ok_or_else(not_found)?;
        let ClientRequest { invocation_type, wants_log, .. } =
            ClientRequest::read(headers, body, request_id, true).await?;
        match invocation_type {
            InvocationType::RequestResponse => {}
            InvocationType::DryRun => return Ok(StatusCode::NO_CONTENT.into_response()),
            InvocationType::Event => {
                return Err(Refusal::NotEmulated("asynchronous calls of injected functions".to_owned()));
            }
        }
        // The request is complete, so its last bytes have just been read.
        let arrival_ns = control.read_ns();
        let place = self.truth.place().await.ok_or(Refusal::Stopping)?;

        // Nothing waits from here on, so that every request that is drawn is told in the truth file.
        let number = function.calls.fetch_add(1, Ordering::Relaxed);
        let draw = function.model.draw(number);
        let response = response(&draw, request_id, wants_log);
        let body_bytes = response.body().size_hint().exact().unwrap_or(0);
        let entry = Entry {
            request_id: request_id.to_owned(),
            function: Arc::clone(&function.name),
            number,
            draw,
            arrival_ns,
            place,
        };
        let planned = Planned {
            alarm: Arc::clone(&self.alarm),
            end: End::from(draw.kind),
            due_ns: arrival_ns + draw.intended_ns(),
            entry,
        };
        control.hold(usize::try_from(body_bytes).unwrap_or(usize::MAX), Box::new(planned));
        Ok(response)
    }
}

fn response(draw: &Draw, request_id: &str, wants_log: bool) -> Response {
    match draw.kind {
        Kind::Throttle(reason) => Refusal::ThrottledFor(reason).into_response(),
        _ => respond(answer::reply(draw, request_id), request_id, wants_log),
    }
}
