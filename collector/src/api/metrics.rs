//! `/metrics`: Prometheus text exposition, without a word of event text.

use std::sync::Arc;

use axum::extract::State as Shared;
use axum::http::header;
use axum::response::IntoResponse;

use crate::ingest::QUEUE_BYTES_MAX;
use crate::server::{State, single, write_receptions};

pub(super) async fn get(Shared(state): Shared<Arc<State>>) -> impl IntoResponse {
    let mut text = String::with_capacity(4096);
    state.counters.write_prometheus(&mut text);
    write_receptions(&mut text, &state.receptions);
    let letters = state.counters.letters_held();
    let mut gauge = |name: &str, help: &str, value: u64| single(&mut text, name, "gauge", help, value);
    gauge(
        "veribus_collector_queue_bytes",
        "Bytes of bodies that wait for their commit.",
        state.queue.bytes() as u64,
    );
    gauge("veribus_collector_queue_capacity_bytes", "Bytes that may wait.", QUEUE_BYTES_MAX as u64);
    gauge("veribus_collector_dead_letters", "Parcels that could not be read and are kept.", letters.letters);
    gauge("veribus_collector_dead_letter_bytes", "Bytes of those.", letters.bytes);
    gauge("veribus_collector_watchers", "Watchers of the live stream.", state.live.receiver_count() as u64);
    gauge(
        "veribus_collector_audit_ingest",
        "Last event whose audit line is synced.",
        state.audited.ingest().unsigned_abs(),
    );
    gauge(
        "veribus_collector_audit_failing",
        "1 while the audit trail cannot be written.",
        state.audited.is_failing().into(),
    );
    gauge("veribus_collector_uptime_seconds", "Seconds since the start.", state.started.elapsed().as_secs());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}
