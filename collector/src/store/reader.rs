//! Reading beside the writer: a connection of its own that cannot change anything.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params_from_iter};
use veribus_core::{Source, Timestamp, VerificationEvent};

use super::{Ingest, PruneLimit, Query, StoreError, StoredAlert, alert, record, retention, schema};

/// One event as it is stored.
#[derive(Debug, Clone)]
pub struct StoredEvent {
    /// Its place in the order of storing.
    pub ingest: Ingest,
    /// When the collector took it.
    pub received: Timestamp,
    /// Who sent it.
    pub source: Source,
    /// The same as JSON, with what is unknown here.
    pub sender: String,
    /// The event.
    pub event: VerificationEvent,
    /// The event as one JSON line.
    pub record: String,
}

/// The read side of a SQLite store; any number may be open, in any process.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
}

const EVENTS: &str =
    "SELECT e.ingest, e.received, e.record, s.fields FROM events e JOIN sources s ON s.id = e.source";

impl Reader {
    /// Opens the store at `path`, which must exist.
    ///
    /// # Errors
    /// [`StoreError::Open`] if it is not there; [`StoreError::Version`], [`StoreError::Foreign`],
    /// [`StoreError::Sqlite`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        std::fs::metadata(path).map_err(|source| StoreError::Open { path: path.to_owned(), source })?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        schema::version(&connection)?;
        Ok(Reader { connection })
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Gives `visit` the events that `query` finds, newest first by their own time, until it breaks.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`], [`StoreError::Record`].
    pub fn search(
        &self,
        query: &Query,
        mut visit: impl FnMut(StoredEvent) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let (filter, values) = query.filter();
        let mut find =
            self.connection.prepare(&format!("{EVENTS}{filter} ORDER BY e.time DESC, e.ingest DESC"))?;
        let mut rows = find.query(params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            let stored = read(row)?;
            if query.has_words() && !query.matches(&stored.shown()) {
                continue;
            }
            if visit(stored).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// How many events `query` finds.
    ///
    /// # Errors
    /// As [`Reader::search`].
    pub fn count(&self, query: &Query) -> Result<u64, StoreError> {
        let mut found = 0;
        if query.has_words() {
            self.search(query, |_| {
                found += 1;
                ControlFlow::Continue(())
            })?;
            return Ok(found);
        }
        let (filter, values) = query.filter();
        let sql = format!("SELECT count(*) FROM events e{filter}");
        let count: i64 = self.connection.query_row(&sql, params_from_iter(values), |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// Gives `visit` at most `most` stored events after number `after`, in the order of storing; answers the last
    /// number given.
    ///
    /// # Errors
    /// As [`Reader::search`].
    pub fn after(
        &self,
        after: Ingest,
        most: u32,
        mut visit: impl FnMut(StoredEvent),
    ) -> Result<Option<Ingest>, StoreError> {
        let mut find = self
            .connection
            .prepare_cached(&format!("{EVENTS} WHERE e.ingest > ?1 ORDER BY e.ingest LIMIT ?2"))?;
        let mut rows = find.query([after, most.into()])?;
        let mut last = None;
        while let Some(row) = rows.next()? {
            let stored = read(row)?;
            last = Some(stored.ingest);
            visit(stored);
        }
        Ok(last)
    }

    /// Number of the last stored event; 0 if there is none.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn newest(&self) -> Result<Ingest, StoreError> {
        let sql = "SELECT coalesce(max(ingest), 0) FROM events";
        Ok(self.connection.query_row(sql, [], |row| row.get(0))?)
    }

    /// The number before the newest `most` events that came at or after `since`.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn recent(&self, since: Timestamp, most: u32) -> Result<Ingest, StoreError> {
        let newest = self.newest()?;
        let floor = newest - Ingest::from(most);
        let first: Option<Ingest> = self
            .connection
            .query_row(
                "SELECT ingest FROM events WHERE ingest > ?1 AND received >= ?2 ORDER BY ingest LIMIT 1",
                [floor, since.as_nanos()],
                |row| row.get(0),
            )
            .optional()?;
        Ok(first.map_or(newest, |first| first - 1))
    }

    /// The alerts of at least this risk, highest first, then newest first.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn alerts(&self, least_risk: u8, most: u32) -> Result<Vec<StoredAlert>, StoreError> {
        let mut find = self.connection.prepare_cached(&format!(
            "SELECT {} FROM alerts WHERE risk >= ?1 ORDER BY risk DESC, last_seen DESC LIMIT ?2",
            alert::COLUMNS
        ))?;
        let rows = find.query_map([u32::from(least_risk), most], StoredAlert::from_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How many events and alerts are stored.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn totals(&self) -> Result<(u64, u64), StoreError> {
        let count = |table: &str| -> rusqlite::Result<i64> {
            self.connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))
        };
        Ok((count("events")?.unsigned_abs(), count("alerts")?.unsigned_abs()))
    }

    /// How many rows `limit` names.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn count_old(&self, limit: &PruneLimit) -> Result<u64, StoreError> {
        retention::count(&self.connection, limit)
    }

    /// Lets SQLite check the file; `Ok(None)` if it is sound, else the first fault that it names.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`] if it cannot be read at all.
    pub fn quick_check(&self) -> Result<Option<String>, StoreError> {
        let answer: String = self.connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        Ok((answer != "ok").then_some(answer))
    }
}

impl StoredEvent {
    /// The stored event as one line of JSON: `{"ingest":…,"received":"…","source":{…},"event":{…}}`.
    pub fn to_json(&self) -> String {
        json_line(self.ingest, self.received, &self.sender, &self.record)
    }

    /// The event and its sender's service as one line of text, as words are looked for in it.
    fn shown(&self) -> String {
        format!("{} {}", self.source.service, self.record)
    }
}

/// One line of JSON for a stored event, as every command and stream shows it.
pub fn json_line(ingest: Ingest, received: Timestamp, sender: &str, record: &str) -> String {
    format!(r#"{{"ingest":{ingest},"received":"{received}","source":{sender},"event":{record}}}"#)
}

fn read(row: &Row<'_>) -> Result<StoredEvent, StoreError> {
    let ingest = row.get(0)?;
    let fields: String = row.get(3)?;
    let unreadable = |source| StoreError::Record { ingest, source };
    let record: String = row.get(2)?;
    Ok(StoredEvent {
        ingest,
        received: Timestamp::from_nanos(row.get(1)?),
        source: record::source_from_json(&fields).map_err(unreadable)?,
        sender: fields,
        event: record::decode(&record).map_err(unreadable)?,
        record,
    })
}
