//! `GET /v1/accounting`: what became of everything that each bus start published.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State as Shared};
use axum::http::StatusCode;
use serde::Deserialize;
use veribus_core::InstanceId;

use crate::server::{ApiError, State};
use crate::store::{Accounting, Reader};

/// Producers answered unless told otherwise, and at most.
const LIMIT: u32 = 100;
const LIMIT_MAX: u32 = 10_000;

/// What may stand behind the `?`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    instance: Option<String>,
    limit: Option<u32>,
}

pub(super) async fn get(
    Shared(state): Shared<Arc<State>>,
    params: Result<Query<Params>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Accounting>, ApiError> {
    let Query(params) = params.map_err(|_| bad_params())?;
    let instance =
        params.instance.map(|text| text.parse::<InstanceId>()).transpose().map_err(|_| bad_params())?;
    let limit = params.limit.unwrap_or(LIMIT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(bad_params());
    }
    let path = state.dir().database();
    let read = tokio::task::spawn_blocking(move || Reader::open(&path)?.accounting(instance, limit)).await;
    let unavailable = |code| {
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, code, "the store cannot be read now").retry_after(1)
    };
    let accounting = read.map_err(|_| unavailable("STORE_UNAVAILABLE"))?;
    accounting.map(Json).map_err(|error| unavailable(error.code()))
}

fn bad_params() -> ApiError {
    let message = "the query takes `instance`, 16 hexadecimal digits, `limit`, 1 to 10000, and nothing else";
    ApiError::new(StatusCode::BAD_REQUEST, "HTTP_QUERY", message)
}
