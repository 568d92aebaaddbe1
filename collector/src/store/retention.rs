//! Retention deletes what is old in small steps, and never what proves that an event was seen.
//!
//! The lanes' intervals stay: a deleted event that is sent again is still a duplicate. Events that are not in the
//! audit trail yet stay too.

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use veribus_core::Timestamp;

use super::{AUDIT_CURSOR, StoreError};

/// What retention deletes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PruneWhat {
    /// Alerts, by the time of their last event.
    Alerts,
    /// Events, by their time.
    Events,
    /// Dead letters, by the time when they came last.
    #[serde(rename = "dead-letters")]
    DeadLetters,
}

impl PruneWhat {
    /// The name on the wire and in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            PruneWhat::Alerts => "alerts",
            PruneWhat::Events => "events",
            PruneWhat::DeadLetters => "dead-letters",
        }
    }
}

/// What is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PruneLimit {
    /// Of what kind.
    pub what: PruneWhat,
    /// Everything older than this.
    pub before: Timestamp,
}

/// What went, or would go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PruneReport {
    /// Of what kind.
    pub what: PruneWhat,
    /// Everything older than this, RFC 3339.
    pub before: String,
    /// How many rows.
    pub rows: u64,
    /// Whether they are only counted.
    pub dry_run: bool,
}

const OLD_ALERTS: &str = "FROM alerts WHERE last_seen < ?1";
const OLD_LETTERS: &str = "FROM dead_letters WHERE last_at < ?1";
const OLD_EVENTS: &str = "FROM events WHERE time < ?1 AND ingest <= \
    coalesce((SELECT ingest FROM cursors WHERE name = ?2), 0)";

/// How many rows `limit` names.
pub(super) fn count(connection: &Connection, limit: &PruneLimit) -> Result<u64, StoreError> {
    let before = limit.before.as_nanos();
    let rows: i64 = match limit.what {
        PruneWhat::Alerts => {
            connection.query_row(&format!("SELECT count(*) {OLD_ALERTS}"), params![before], |r| r.get(0))?
        }
        PruneWhat::DeadLetters => {
            connection.query_row(&format!("SELECT count(*) {OLD_LETTERS}"), params![before], |r| r.get(0))?
        }
        PruneWhat::Events => connection.query_row(
            &format!("SELECT count(*) {OLD_EVENTS}"),
            params![before, AUDIT_CURSOR],
            |r| r.get(0),
        )?,
    };
    Ok(rows.unsigned_abs())
}

/// Deletes at most `most` of them, the oldest first.
pub(super) fn delete(connection: &Connection, limit: &PruneLimit, most: u32) -> Result<u64, StoreError> {
    let before = limit.before.as_nanos();
    let rows = match limit.what {
        PruneWhat::Alerts => connection
            .prepare_cached(&format!(
                "DELETE FROM alerts WHERE (rule, entity, first_seen) IN \
                 (SELECT rule, entity, first_seen {OLD_ALERTS} ORDER BY last_seen LIMIT ?2)"
            ))?
            .execute(params![before, most])?,
        PruneWhat::DeadLetters => connection
            .prepare_cached(&format!(
                "DELETE FROM dead_letters WHERE id IN (SELECT id {OLD_LETTERS} ORDER BY id LIMIT ?2)"
            ))?
            .execute(params![before, most])?,
        PruneWhat::Events => connection
            .prepare_cached(&format!(
                "DELETE FROM events WHERE ingest IN (SELECT ingest {OLD_EVENTS} ORDER BY time LIMIT ?3)"
            ))?
            .execute(params![before, AUDIT_CURSOR, most])?,
    };
    Ok(rows as u64)
}
