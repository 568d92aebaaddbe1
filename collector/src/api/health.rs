//! `/livez` and `/readyz`: yes or no, and nothing about what runs here.

use std::sync::Arc;

use axum::extract::State as Shared;
use axum::http::StatusCode;

use crate::ingest::QUEUE_BYTES_MAX;
use crate::server::State;

/// The process answers.
pub(super) async fn live() -> &'static str {
    "ok\n"
}

/// It takes events: the writer is there, the last transaction went well, the queue has room, the trail is written, nobody stops it.
pub(super) async fn ready(Shared(state): Shared<Arc<State>>) -> (StatusCode, &'static str) {
    let takes_events = !state.is_stopping()
        && state.queue.is_open()
        && state.counters.store_error().is_none()
        && !state.audited.is_failing()
        && state.queue.bytes() < QUEUE_BYTES_MAX;
    if takes_events { (StatusCode::OK, "ok\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready\n") }
}
