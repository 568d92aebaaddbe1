//! Rows of events into their table: many with one statement, since each statement costs as much as some rows.

use rusqlite::{CachedStatement, Connection, ToSql};
use veribus_core::Timestamp;

use super::{IncomingEvent, Ingest};

/// Rows of one statement.
const ROWS: usize = 16;
/// Columns of a row.
const COLUMNS: usize = 13;
/// `OR ROLLBACK`: a row that cannot be written ends the transaction, as every error does here. A statement of many rows
/// that might end in the middle and leave the transaction going would first copy each page it changes into a journal.
const INSERT: &str = "INSERT OR ROLLBACK INTO events \
    (ingest, id, time, received, source, kind, action, outcome, severity, actor, ip, trace, record) VALUES ";
const ROW: &str = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// The statements of a transaction.
pub(super) struct Rows<'s> {
    one: CachedStatement<'s>,
    many: CachedStatement<'s>,
}

/// What a row has beside its event.
#[derive(Clone, Copy)]
pub(super) struct Sent {
    /// When the batch came.
    pub(super) received: Timestamp,
    /// The row of the sender.
    pub(super) source: i64,
}

impl<'s> Rows<'s> {
    pub(super) fn new(connection: &'s Connection) -> rusqlite::Result<Self> {
        let rows = [ROW; ROWS].join(", ");
        Ok(Rows {
            one: connection.prepare_cached(&format!("{INSERT}{ROW}"))?,
            many: connection.prepare_cached(&format!("{INSERT}{rows}"))?,
        })
    }

    /// Writes events with their numbers.
    pub(super) fn write(&mut self, new: &[(Ingest, &IncomingEvent)], sent: Sent) -> rusqlite::Result<()> {
        let mut chunks = new.chunks_exact(ROWS);
        for chunk in chunks.by_ref() {
            for (row, (ingest, incoming)) in chunk.iter().enumerate() {
                bind(&mut self.many, row * COLUMNS, *ingest, incoming, sent)?;
            }
            self.many.raw_execute()?;
        }
        for (ingest, incoming) in chunks.remainder() {
            bind(&mut self.one, 0, *ingest, incoming, sent)?;
            self.one.raw_execute()?;
        }
        Ok(())
    }
}

/// Binds one row whose first parameter is the one behind `before`.
fn bind(
    statement: &mut CachedStatement<'_>,
    before: usize,
    ingest: Ingest,
    incoming: &IncomingEvent,
    sent: Sent,
) -> rusqlite::Result<()> {
    let event = &*incoming.event;
    let actor = event.actor.as_ref();
    let ip = actor.and_then(|actor| actor.ip).map(|ip| ip.to_string());
    let values: [&dyn ToSql; COLUMNS] = [
        &ingest,
        &event.id.bits().to_be_bytes(),
        &event.time.as_nanos(),
        &sent.received.as_nanos(),
        &sent.source,
        &event.kind.name(),
        &event.action.as_str(),
        &event.outcome.id(),
        &event.severity.id(),
        &actor.and_then(|actor| actor.name.as_ref()).map(|name| name.as_str()),
        &ip,
        &event.trace.as_ref().map(|trace| trace.trace_id.to_bytes()),
        &incoming.record,
    ];
    for (column, value) in values.into_iter().enumerate() {
        statement.raw_bind_parameter(before + column + 1, value)?;
    }
    Ok(())
}
