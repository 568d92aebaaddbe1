//! Retention by the one writer: small transactions, and an event that says what went.

use veribus_core::{Timestamp, VerificationEvent, event};

use crate::pipeline::NO_IDENTITY;
use crate::store::{PruneLimit, PruneReport, PruneWhat, Store, StoreError};

/// Rows that one transaction deletes.
const ROWS_PER_TRANSACTION: u32 = 2_000;

/// Deletes everything that `limit` names.
///
/// # Errors
/// [`StoreError`]; what earlier transactions deleted is gone.
pub fn prune(store: &mut dyn Store, limit: &PruneLimit) -> Result<PruneReport, StoreError> {
    let mut rows = 0;
    loop {
        let mut transaction = store.begin()?;
        let deleted = transaction.delete(limit, ROWS_PER_TRANSACTION)?;
        transaction.commit()?;
        rows += deleted;
        if deleted < u64::from(ROWS_PER_TRANSACTION) {
            break;
        }
    }
    Ok(PruneReport { what: limit.what, before: limit.before.to_string(), rows, dry_run: false })
}

/// The event that says so, without an identity yet.
pub fn pruned_event(report: &PruneReport, now: Timestamp) -> VerificationEvent {
    let setting = match report.what {
        PruneWhat::Alerts => "retention.alerts",
        PruneWhat::Events => "retention.events",
        PruneWhat::DeadLetters => "retention.dead_letters",
    };
    event::configuration("collector.prune")
        .success()
        .setting(setting)
        .attribute("rows", report.rows)
        .attribute("before", report.before.as_str())
        .into_event(NO_IDENTITY, now)
        .expect("fixed names and short values are within the limits")
}
