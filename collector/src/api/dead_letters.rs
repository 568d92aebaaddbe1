//! `GET /v1/dead-letters` and `POST /v1/dead-letters/{id}/redrive`: parcels that could not be read, and another try.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::{Path, Query, State as Shared};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use veribus_core::Timestamp;
use veribus_core::transport::Compression;

use super::events::commit;
use crate::ingest::{self, Encoding, Job, PaidBody, Verdict};
use crate::server::{ApiError, State};
use crate::store::{DeadLetter, LettersHeld, Reader, StoreError};

/// Letters answered unless told otherwise, and at most.
const LIMIT: u32 = 100;
const LIMIT_MAX: u32 = 10_000;

/// What may stand behind the `?`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    after: Option<i64>,
    limit: Option<u32>,
}

/// Letters in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetters {
    /// At most as many as were asked for.
    pub dead_letters: Vec<DeadLetter>,
    /// How many there are in all.
    pub held: LettersHeld,
}

/// What became of a letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redriven {
    /// Events stored now.
    pub accepted: usize,
    /// Events that were stored already.
    pub duplicates: usize,
    /// Events that are refused.
    pub rejected: usize,
    /// Whether the letter is gone; it stays while events of it are refused.
    pub removed: bool,
}

pub(super) async fn list(
    Shared(state): Shared<Arc<State>>,
    params: Result<Query<Params>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<DeadLetters>, ApiError> {
    let bad = || {
        let message =
            "the query takes `after`, the number of a letter, `limit`, 1 to 10000, and nothing else";
        ApiError::new(StatusCode::BAD_REQUEST, "HTTP_QUERY", message)
    };
    let Query(params) = params.map_err(|_| bad())?;
    let (after, limit) = (params.after.unwrap_or(0), params.limit.unwrap_or(LIMIT));
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(bad());
    }
    let listed = read(&state, move |store| {
        Ok(DeadLetters { dead_letters: store.dead_letters(after, limit)?, held: store.letters_held()? })
    });
    listed.await.map(Json)
}

/// Reads the letter as it would be read if it arrived now; what can be stored is, and then the letter goes.
pub(super) async fn redrive(
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<i64>,
) -> Result<Json<Redriven>, ApiError> {
    let unknown = || {
        let message = format!("there is no dead letter {id}");
        ApiError::new(StatusCode::NOT_FOUND, "DEAD_LETTER_UNKNOWN", message)
    };
    let (letter, bytes) = read(&state, move |store| store.dead_letter(id)).await?.ok_or_else(unknown)?;
    let unsupported = |what: &str| {
        let message = format!("the letter's {what} is still not known here");
        ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "DEAD_LETTER_ENCODING", message)
    };
    let encoding = Encoding::named(&letter.media_type).ok_or_else(|| unsupported("media type"))?;
    let compression = Compression::from_name(&letter.encoding).ok_or_else(|| unsupported("encoding"))?;
    let mut permit = None;
    ingest::pay(&mut permit, bytes.len(), state.queue.budget())?;
    let body = PaidBody { bytes, permit }.expand(compression, state.queue.budget())?;
    let decoded = ingest::decode(encoding, &body.bytes, None)?;
    state.counters.rejected.fetch_add(decoded.rejected.len() as u64, Ordering::Relaxed);
    state.counters.redacted.fetch_add(decoded.redacted, Ordering::Relaxed);
    let (batch, undecided) = decoded.into_batch(Timestamp::now());
    let inserted = if batch.is_empty() { Vec::new() } else { commit(&state, batch, body.permit).await? };
    let Verdict { accepted, duplicates, rejected } = undecided.decide(&inserted);
    let removed = rejected.is_empty() && remove(&state, id).await?;
    Ok(Json(Redriven { accepted, duplicates, rejected: rejected.len(), removed }))
}

/// If this fails the letter stays, and a second redrive finds duplicates.
async fn remove(state: &State, id: i64) -> Result<bool, ApiError> {
    let (reply, answer) = oneshot::channel();
    state.queue.push(Job::RemoveLetter { id, reply }).map_err(|_| ingest::queue_full())?;
    let removed = answer.await.map_err(|_| unavailable("STOPPING"))?;
    removed.map_err(|refused| unavailable(refused.code))
}

async fn read<T: Send + 'static>(
    state: &State,
    what: impl FnOnce(Reader) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, ApiError> {
    let path = state.dir().database();
    let read = tokio::task::spawn_blocking(move || what(Reader::open(&path)?)).await;
    let failed = |error: StoreError| unavailable(error.code());
    read.map_err(|_| unavailable("STORE_UNAVAILABLE"))?.map_err(failed)
}

fn unavailable(code: &'static str) -> ApiError {
    let message = "the store cannot do it now";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, code, message).retry_after(1)
}
