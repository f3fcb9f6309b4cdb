//! The part of Lambda's API that looks at functions and changes their settings.
//!
//! A handler reads the request (`list`, `update`, `variables`, over `body`), decides with pure code (`account`), and words the answer
//! (`description`). `manager` and `concurrency` do what is asked and hold the state.

mod account;
mod body;
mod code;
mod concurrency;
mod description;
mod list;
mod manager;
mod update;
mod variables;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use self::list::ListQuery;
pub(crate) use self::manager::Manager;
use self::update::{MAX_BODY_BYTES, Update, read_provisioned, read_reserved};
use crate::http_body::{BodyError, read_body};
use crate::invoke_api::REQUEST_ID;
use crate::refusal::Refusal;

type Reference = Result<Path<String>, PathRejection>;
type QualifierQuery = Result<Query<Qualified>, QueryRejection>;
type Answer = Result<Response, Refusal>;

/// The routes.
pub(crate) fn routes(manager: Manager) -> Router {
    Router::new()
        .route("/2015-03-31/functions", get(list_functions))
        .route("/2015-03-31/functions/", get(list_functions))
        .route("/2015-03-31/functions/{function}", get(get_function))
        .route(
            "/2015-03-31/functions/{function}/configuration",
            get(get_function_configuration).put(update_function_configuration),
        )
        .route("/2016-08-19/account-settings", get(get_account_settings))
        .route("/2016-08-19/account-settings/", get(get_account_settings))
        .route(
            "/2017-10-31/functions/{function}/concurrency",
            put(put_function_concurrency).delete(delete_function_concurrency),
        )
        .route("/2019-09-30/functions/{function}/concurrency", get(get_function_concurrency))
        .route(
            "/2019-09-30/functions/{function}/provisioned-concurrency",
            get(get_provisioned_concurrency)
                .put(put_provisioned_concurrency)
                .delete(delete_provisioned_concurrency),
        )
        .layer(map_response(with_request_id))
        .with_state(Arc::new(manager))
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Qualified {
    qualifier: Option<String>,
    /// `ALL` asks for all configurations instead of that of the qualifier.
    list: Option<String>,
}

async fn with_request_id(mut response: Response) -> Response {
    if let Ok(id) = HeaderValue::from_str(&Uuid::new_v4().to_string()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

async fn list_functions(
    State(manager): State<Arc<Manager>>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Answer {
    let Query(query) = query.map_err(unreadable)?;
    let described = blocking(move || manager.list(&query)).await?;
    Ok(Json(described).into_response())
}

async fn get_function(
    State(manager): State<Arc<Manager>>,
    reference: Reference,
    query: QualifierQuery,
) -> Answer {
    let (reference, query) = target(reference, query)?;
    let described = blocking(move || manager.function(&reference, query.qualifier.as_deref())).await?;
    Ok(Json(described).into_response())
}

async fn get_function_configuration(
    State(manager): State<Arc<Manager>>,
    reference: Reference,
    query: QualifierQuery,
) -> Answer {
    let (reference, query) = target(reference, query)?;
    let described = blocking(move || manager.configuration(&reference, query.qualifier.as_deref())).await?;
    Ok(Json(described).into_response())
}

async fn update_function_configuration(
    State(manager): State<Arc<Manager>>,
    reference: Reference,
    query: QualifierQuery,
    body: Body,
) -> Answer {
    let (reference, _) = target(reference, query)?;
    let update = Update::read(&read(body, "UpdateFunctionConfiguration").await?)?;
    let described = blocking(move || manager.update(&reference, update)).await?;
    Ok(Json(described).into_response())
}

async fn get_account_settings(State(manager): State<Arc<Manager>>) -> Answer {
    let described = blocking(move || Ok(manager.account_settings())).await?;
    Ok(Json(described).into_response())
}

async fn put_function_concurrency(
    State(manager): State<Arc<Manager>>,
    reference: Reference,
    query: QualifierQuery,
    body: Body,
) -> Answer {
    let (reference, _) = target(reference, query)?;
    let count = read_reserved(&read(body, "PutFunctionConcurrency").await?)?;
    Ok(Json(manager.reserve(&reference, count)?).into_response())
}

async fn get_function_concurrency(
    State(manager): State<Arc<Manager>>,
    reference: Reference,
    query: QualifierQuery,
) -> Answer {
    let (reference, _) = target(reference, query)?;
    Ok(Json(manager.reserved(&reference)?).into_response())
}

async fn delete_function_concurrency(
    State(manager): State<Arc<Manager>>,
    reference: Reference,
    query: QualifierQuery,
) -> Answer {
    let (reference, _) = target(reference, query)?;
    manager.release(&reference)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn put_provisioned_concurrency(
    State(manager): State<Arc<Manager>>,
    reference: Reference,
    query: QualifierQuery,
    body: Body,
) -> Answer {
    let (reference, query) = target(reference, query)?;
    let count = read_provisioned(&read(body, "PutProvisionedConcurrencyConfig").await?)?;
    let described = manager.provision(&reference, query.qualifier.as_deref(), count)?;
    Ok((StatusCode::ACCEPTED, Json(described)).into_response())
}

async fn get_provisioned_concurrency(
    State(manager): State<Arc<Manager>>,
    reference: Reference,
    query: QualifierQuery,
) -> Answer {
    let (reference, query) = target(reference, query)?;
    let described = match query.list.as_deref() {
        Some("ALL") => manager.all_provisioned(&reference)?,
        _ => manager.provisioned(&reference, query.qualifier.as_deref())?,
    };
    Ok(Json(described).into_response())
}

async fn delete_provisioned_concurrency(
    State(manager): State<Arc<Manager>>,
    reference: Reference,
    query: QualifierQuery,
) -> Answer {
    let (reference, query) = target(reference, query)?;
    manager.unprovision(&reference, query.qualifier.as_deref())?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The function and the query of a request.
fn target(reference: Reference, query: QualifierQuery) -> Result<(String, Qualified), Refusal> {
    let Path(reference) = reference.map_err(|rejection| Refusal::InvalidParameter(rejection.body_text()))?;
    let Query(query) = query.map_err(unreadable)?;
    Ok((reference, query))
}

fn unreadable(rejection: QueryRejection) -> Refusal {
    Refusal::InvalidParameter(rejection.body_text())
}

async fn read(body: Body, operation: &'static str) -> Result<bytes::Bytes, Refusal> {
    read_body(body, MAX_BODY_BYTES).await.map_err(|error| match error {
        BodyError::TooLarge => Refusal::TooLarge { limit: MAX_BODY_BYTES, operation },
        BodyError::Incomplete => Refusal::Incomplete,
    })
}

/// Does what reads programs, on a thread that may block.
async fn blocking(work: impl FnOnce() -> Result<Value, Refusal> + Send + 'static) -> Result<Value, Refusal> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Refusal::Unavailable(format!("a thread has ended: {error}"))))
}
