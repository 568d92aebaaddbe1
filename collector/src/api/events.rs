//! `POST /v1/events`: a batch in, one answer for each event, after the commit.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::{Query, Request, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use veribus_core::event::limits::NAME_BYTES_MAX;
use veribus_core::transport::ParcelId;
use veribus_core::{Clock as _, SystemClock, Timestamp};

use crate::ingest::{self, Encoding, Job, Refused, Rejected, Rejection, Verdict};
use crate::server::{ApiError, State};
use crate::store::{IncomingBatch, Inserted};

/// What may stand behind the `?`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    /// Who sends JSON lines.
    service: Option<String>,
}

/// What became of a batch. `accepted + duplicates + rejected` is the number of its events.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// Stored now.
    pub accepted: usize,
    /// Stored before, the same: nothing to do.
    pub duplicates: usize,
    /// Not stored; to send them again will not help.
    pub rejected: Vec<Rejection>,
    /// The sender's id of the batch, if it named one in the header `Veribus-Parcel`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parcel: Option<String>,
}

pub(super) async fn post(
    Shared(state): Shared<Arc<State>>,
    params: Result<Query<Params>, axum::extract::rejection::QueryRejection>,
    request: Request,
) -> Result<Json<Receipt>, ApiError> {
    let Query(params) = params.map_err(|_| bad_params())?;
    if params.service.as_ref().is_some_and(|s| s.is_empty() || s.len() > NAME_BYTES_MAX) {
        return Err(bad_params());
    }
    let (parts, body) = request.into_parts();
    let (encoding, compression) = Encoding::of(&parts.headers)?;
    let parcel = parcel(&parts.headers)?;
    let body = ingest::read(&parts.headers, body, state.queue.budget())
        .await
        .inspect_err(|_| count_refusal(&state))?;
    let received = Timestamp::now();
    let body = body.expand(compression, state.queue.budget())?;
    let decoded = ingest::decode(encoding, &body.bytes, params.service.as_deref())?;
    drop(body.bytes);
    state.counters.rejected.fetch_add(decoded.rejected.len() as u64, Ordering::Relaxed);
    state.counters.redacted.fetch_add(decoded.redacted, Ordering::Relaxed);
    slow_down(&state, decoded.events.len())?;
    let (batch, undecided) = decoded.into_batch(received);
    let inserted = if batch.is_empty() { Vec::new() } else { commit(&state, batch, body.permit).await? };
    let Verdict { accepted, duplicates, rejected } = undecided.decide(&inserted);
    Ok(Json(Receipt { accepted, duplicates, rejected, parcel }))
}

/// The header `Veribus-Parcel`: the sender's id of this batch, given back with the answer.
fn parcel(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(given) = headers.get("veribus-parcel") else { return Ok(None) };
    let id = given.to_str().ok().and_then(|text| text.parse::<ParcelId>().ok());
    let invalid = || {
        let message = "`Veribus-Parcel` is not 32 hexadecimal digits";
        ApiError::new(StatusCode::BAD_REQUEST, "PARCEL_INVALID", message)
    };
    id.map(|id| Some(id.to_string())).ok_or_else(invalid)
}

/// Waits until the batch is committed.
pub(super) async fn commit(
    state: &State,
    batch: IncomingBatch,
    permit: Option<OwnedSemaphorePermit>,
) -> Result<Vec<Inserted>, ApiError> {
    let (reply, answer) = oneshot::channel();
    state.queue.push(Job::Batch { batch, reply, permit }).map_err(|rejected| {
        count_refusal(state);
        match rejected {
            Rejected::Full => ingest::queue_full(),
            Rejected::Stopping => unavailable("STOPPING"),
        }
    })?;
    match answer.await {
        Ok(Ok(inserted)) => Ok(inserted),
        Ok(Err(Refused { code })) => Err(unavailable(code)),
        Err(_writer_gone) => Err(unavailable("STOPPING")),
    }
}

/// 429 if the token has sent more than it may.
fn slow_down(state: &State, events: usize) -> Result<(), ApiError> {
    let Some(rate) = &state.rate else { return Ok(()) };
    rate.take(events, SystemClock.steady()).map_err(|wait| {
        state.counters.rate_refusals.fetch_add(1, Ordering::Relaxed);
        let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
        let message = "more events a second than this token may send";
        ApiError::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", message)
            .limit(rate.per_second().into(), None)
            .retry_after(seconds)
            .hint("send the same batch again later; nothing of it was stored")
    })
}

fn count_refusal(state: &State) {
    state.counters.queue_refusals.fetch_add(1, Ordering::Relaxed);
}

fn bad_params() -> ApiError {
    ApiError::new(
        StatusCode::BAD_REQUEST,
        "HTTP_QUERY",
        "the query takes `service`, 1 to 128 bytes, and nothing else",
    )
}

/// 503: nothing of the batch was stored, the same may be sent again.
fn unavailable(code: &'static str) -> ApiError {
    let message = "the events could not be stored now";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
        .retry_after(1)
        .hint("send the same batch again later; nothing of it was stored")
}
