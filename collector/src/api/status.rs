//! `GET /v1/status`: how the collector is, for those who have the token.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State as Shared;
use serde::{Deserialize, Serialize};

use crate::ingest::QUEUE_BYTES_MAX;
use crate::receive::ReceptionStatus;
use crate::server::State;
use crate::store::LettersHeld;

/// How the collector is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the program.
    pub version: String,
    /// Seconds since the start.
    pub uptime_seconds: u64,
    /// Events stored since the start.
    pub accepted: u64,
    /// Events that were stored already, since the start.
    pub duplicates: u64,
    /// Events refused since the start.
    pub rejected: u64,
    /// Events with a known id and another content, since the start.
    pub conflicts: u64,
    /// Bytes that wait for their commit.
    pub queue_bytes: u64,
    /// Bytes that may wait.
    pub queue_capacity_bytes: u64,
    /// Number of the last event whose audit line is synced.
    pub audit_ingest: i64,
    /// Whether the audit trail cannot be written.
    pub audit_failing: bool,
    /// How it stands with each broker.
    #[serde(default)]
    pub receiving: Vec<ReceptionStatus>,
    /// Parcels that could not be read and are kept.
    #[serde(default)]
    pub dead_letters: LettersHeld,
    /// Times that one found no room and stayed with its broker.
    #[serde(default)]
    pub dead_letters_refused: u64,
    /// Code of the last transaction's error, if it failed.
    pub store_error: Option<String>,
}

impl Status {
    /// Whether events are taken, stored and trailed from everywhere, and nothing waits for a person.
    pub fn is_well(&self) -> bool {
        let receiving = self.receiving.iter().all(|reception| reception.receiving);
        receiving && !self.audit_failing && self.store_error.is_none() && self.dead_letters.letters == 0
    }
}

pub(super) async fn get(Shared(state): Shared<Arc<State>>) -> Json<Status> {
    let counters = &state.counters;
    Json(Status {
        version: env!("CARGO_PKG_VERSION").into(),
        uptime_seconds: state.started.elapsed().as_secs(),
        accepted: counters.accepted.load(Ordering::Relaxed),
        duplicates: counters.duplicates.load(Ordering::Relaxed),
        rejected: counters.rejected.load(Ordering::Relaxed),
        conflicts: counters.conflicts.load(Ordering::Relaxed),
        queue_bytes: state.queue.bytes() as u64,
        queue_capacity_bytes: QUEUE_BYTES_MAX as u64,
        audit_ingest: state.audited.ingest(),
        audit_failing: state.audited.is_failing(),
        receiving: state.receptions.iter().map(|reception| reception.status()).collect(),
        dead_letters: counters.letters_held(),
        dead_letters_refused: counters.letters_refused.load(Ordering::Relaxed),
        store_error: counters.store_error().map(Into::into),
    })
}
