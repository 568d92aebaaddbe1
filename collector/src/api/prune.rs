//! `POST /v1/prune`: retention, done by the one writer.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State as Shared};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use veribus_core::Timestamp;

use crate::ingest::{self, Job};
use crate::server::{ApiError, State};
use crate::store::{PruneLimit, PruneReport, PruneWhat, Reader, StoreError};

/// What is to go.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PruneRequest {
    /// Of what kind.
    pub what: PruneWhat,
    /// Everything older than this, RFC 3339.
    pub before: String,
    /// Only count.
    #[serde(default)]
    pub dry_run: bool,
}

pub(super) async fn post(
    Shared(state): Shared<Arc<State>>,
    request: Request,
) -> Result<Json<PruneReport>, ApiError> {
    let (parts, body) = request.into_parts();
    let body = ingest::read(&parts.headers, body, state.queue.budget()).await?;
    let shape = |_| {
        let message = "the body is not `{\"what\":\"alerts\"|\"events\"|\"dead-letters\",\"before\":\"<RFC 3339>\",\"dry_run\":bool}`";
        ApiError::new(StatusCode::BAD_REQUEST, "PRUNE_SHAPE", message)
    };
    let request: PruneRequest = serde_json::from_slice(&body.bytes).map_err(shape)?;
    let before: Timestamp = request.before.parse().map_err(|error: veribus_core::EventError| {
        ApiError::new(StatusCode::BAD_REQUEST, error.code(), error.to_string()).path("before")
    })?;
    let limit = PruneLimit { what: request.what, before };
    if request.dry_run { count(&state, limit).await } else { delete(&state, limit).await }.map(Json)
}

async fn count(state: &State, limit: PruneLimit) -> Result<PruneReport, ApiError> {
    let path = state.dir().database();
    let counted = tokio::task::spawn_blocking(move || Reader::open(&path)?.count_old(&limit)).await;
    let failed = |error: StoreError| unavailable(error.code());
    let rows = counted.map_err(|_| unavailable("STORE_UNAVAILABLE"))?.map_err(failed)?;
    Ok(PruneReport { what: limit.what, before: limit.before.to_string(), rows, dry_run: true })
}

async fn delete(state: &State, limit: PruneLimit) -> Result<PruneReport, ApiError> {
    let (reply, answer) = oneshot::channel();
    state.queue.push(Job::Prune { limit, reply }).map_err(|_| ingest::queue_full())?;
    let done = answer.await.map_err(|_| unavailable("STOPPING"))?;
    done.map_err(|refused| unavailable(refused.code))
}

fn unavailable(code: &'static str) -> ApiError {
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, code, "the store cannot do it now").retry_after(1)
}
