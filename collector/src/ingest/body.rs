//! Reads a request's body: never more than the limit, never slower than the deadline, paid for in queue bytes.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, StatusCode, header};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use veribus_core::event::limits::BATCH_BYTES_MAX;
use veribus_core::transport::Compression;

use super::expand::expand;
use crate::server::ApiError;

/// How long a body may take from its first to its last byte.
const BODY_DEADLINE: Duration = Duration::from_secs(10);
/// Seconds after which a sender is asked to come again.
const RETRY_AFTER_SECONDS: u32 = 1;

/// A body in memory, and the part of the queue's budget that it holds until its events are committed.
#[derive(Debug)]
pub struct PaidBody {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Gives the bytes back to the budget when dropped; `None` for an empty body.
    pub permit: Option<OwnedSemaphorePermit>,
}

impl PaidBody {
    /// The body as it was before it was packed, paid from the same budget.
    ///
    /// # Errors
    /// As [`expand`], and 503 `INGEST_FULL`.
    pub fn expand(self, compression: Compression, budget: &Arc<Semaphore>) -> Result<Self, ApiError> {
        let PaidBody { bytes, mut permit } = self;
        let expanded = expand(compression, &bytes, |more| pay(&mut permit, more, budget))?;
        Ok(PaidBody { bytes: expanded.unwrap_or(bytes), permit })
    }
}

/// Takes so many bytes more from the budget.
///
/// # Errors
/// 503 `INGEST_FULL`.
pub fn pay(
    paid: &mut Option<OwnedSemaphorePermit>,
    bytes: usize,
    budget: &Arc<Semaphore>,
) -> Result<(), ApiError> {
    let bytes = u32::try_from(bytes).expect("a chunk is smaller than a batch");
    let permit = Arc::clone(budget).try_acquire_many_owned(bytes).map_err(|_| queue_full())?;
    match paid {
        Some(held) => held.merge(permit),
        none => *none = Some(permit),
    }
    Ok(())
}

/// Reads `body`, taking each byte from `budget` before keeping it.
///
/// # Errors
/// 413 `HTTP_BODY_TOO_LARGE` (by `Content-Length` before the first byte is read), 408 `HTTP_TIMEOUT`,
/// 503 `INGEST_FULL`, 400 `HTTP_BODY` if the sender breaks off.
pub async fn read(headers: &HeaderMap, body: Body, budget: &Arc<Semaphore>) -> Result<PaidBody, ApiError> {
    let announced =
        headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    if announced.is_some_and(|bytes: u64| bytes > BATCH_BYTES_MAX as u64) {
        return Err(too_large(announced));
    }
    match tokio::time::timeout(BODY_DEADLINE, collect(body, budget)).await {
        Ok(read) => read,
        Err(_late) => Err(ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "HTTP_TIMEOUT",
            format!("the body took longer than {} seconds", BODY_DEADLINE.as_secs()),
        )
        .close()),
    }
}

async fn collect(mut body: Body, budget: &Arc<Semaphore>) -> Result<PaidBody, ApiError> {
    let mut paid = PaidBody { bytes: Vec::new(), permit: None };
    while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let broken = |_| ApiError::new(StatusCode::BAD_REQUEST, "HTTP_BODY", "the body broke off").close();
        let Ok(chunk) = frame.map_err(broken)?.into_data() else { continue };
        if paid.bytes.len() + chunk.len() > BATCH_BYTES_MAX {
            return Err(too_large(None));
        }
        pay(&mut paid.permit, chunk.len(), budget)?;
        paid.bytes.extend_from_slice(&chunk);
    }
    Ok(paid)
}

fn too_large(actual: Option<u64>) -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "HTTP_BODY_TOO_LARGE",
        "the body is larger than the limit, in bytes",
    )
    .limit(BATCH_BYTES_MAX as u64, actual)
    .hint("send smaller batches")
    .close()
}

/// 503: events come faster than they can be stored.
pub fn queue_full() -> ApiError {
    ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "INGEST_FULL",
        "events come faster than they can be stored",
    )
    .retry_after(RETRY_AFTER_SECONDS)
    .hint("send the same batch again later; nothing of it was stored")
    .close()
}
