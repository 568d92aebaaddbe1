//! The store in one SQLite file: write-ahead log, `synchronous=FULL`, one writer.

use std::collections::{HashMap, HashSet};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{CachedStatement, Connection, OpenFlags, OptionalExtension, params};
use veribus_core::{Attributes, InstanceId, Losses, Source};

use super::books::Books;
use super::lanes::{LaneCache, Lanes};
use super::ledger::{self, Gap, Lane, Ledger};
use super::rows::{Rows, Sent};
use super::{
    IncomingBatch, IncomingEvent, Ingest, Inserted, LettersHeld, PruneLimit, SetAside, Store, StoreError,
    StoredAlert, Transaction, Undeliverable, dead_letter, record, retention, schema,
};

/// Older versions have a bug that can corrupt a database in WAL mode.
///
/// Source: sqlite.org/wal.html, "The WAL-reset bug".
const SQLITE_VERSION_MIN: i32 = 3_051_003;
/// Bytes of a page of a new database.
const PAGE_BYTES: u32 = 16_384;
/// Senders whose row is kept in memory.
const SOURCES_MAX: usize = 1_024;
/// Prepared statements that are kept.
const STATEMENTS_MAX: usize = 32;

/// The write side of a SQLite store. Only one may exist for a file; the data folder's lock sees to it.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
    lanes: LaneCache,
    sources: HashMap<String, i64>,
    unsettled: HashSet<Lane>,
    next_ingest: Ingest,
}

impl SqliteStore {
    /// Opens the store at `path`, makes it (mode 0600) if it is not there.
    ///
    /// # Errors
    /// [`StoreError::Version`] for one that a newer veribus wrote, [`StoreError::Foreign`],
    /// [`StoreError::Open`], [`StoreError::Sqlite`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if rusqlite::version_number() < SQLITE_VERSION_MIN {
            return Err(StoreError::Library { found: rusqlite::version() });
        }
        // Made first, so that SQLite gives its own mode to it and to the files beside it.
        let made = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path);
        made.map_err(|source| StoreError::Open { path: path.to_owned(), source })?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        schema::version(&connection)?;
        // Of a new database; one that is there keeps its own. Fewer and larger pages cost less where rows are appended.
        connection.pragma_update(None, "page_size", PAGE_BYTES)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", false)?;
        connection.pragma_update(None, "cache_size", -32_768)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
        connection.pragma_update(None, "wal_autocheckpoint", 1_000)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        schema::prepare(&mut connection)?;
        let last: Ingest = connection.query_row(
            "SELECT max(coalesce((SELECT max(ingest) FROM events), 0), coalesce((SELECT max(ingest) FROM cursors), 0))",
            [],
            |row| row.get(0),
        )?;
        let unsettled = ledger::lanes_with_holes(&connection)?;
        Ok(SqliteStore {
            connection,
            unsettled,
            lanes: LaneCache::default(),
            sources: HashMap::new(),
            next_ingest: last + 1,
        })
    }
}

impl Store for SqliteStore {
    fn begin(&mut self) -> Result<Box<dyn Transaction + '_>, StoreError> {
        let connection = &self.connection;
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let open = OpenTransaction { connection, committed: false };
        let transaction = SqliteTransaction {
            rows: Rows::new(connection)?,
            stored: connection.prepare_cached("SELECT record FROM events WHERE id = ?1")?,
            lanes: Some(Lanes::new(connection, &mut self.lanes)?),
            sources: &mut self.sources,
            ledger: Ledger::default(),
            unsettled: &mut self.unsettled,
            next_ingest: self.next_ingest,
            last_ingest: &mut self.next_ingest,
            open,
        };
        Ok(Box::new(transaction))
    }

    fn cursor(&self, name: &str) -> Result<Ingest, StoreError> {
        let mut find = self.connection.prepare_cached("SELECT ingest FROM cursors WHERE name = ?1")?;
        Ok(find.query_row([name], |row| row.get(0)).optional()?.unwrap_or(0))
    }

    fn take_unsettled(&mut self) -> Vec<Lane> {
        self.unsettled.drain().collect()
    }

    fn books(&self, lane: Lane) -> Result<(Books, u64), StoreError> {
        Ok((ledger::books(&self.connection, lane)?, ledger::open_gap(&self.connection, lane)?))
    }
}

/// Rolls back when dropped before its end.
struct OpenTransaction<'s> {
    connection: &'s Connection,
    committed: bool,
}

impl Drop for OpenTransaction<'_> {
    fn drop(&mut self) {
        if !self.committed {
            // SQLite may have rolled back by itself, and the file is right either way.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }
}

/// What holds for the lanes of a transaction.
const OPEN: &str = "present until the end of the transaction";

struct SqliteTransaction<'s> {
    rows: Rows<'s>,
    stored: CachedStatement<'s>,
    lanes: Option<Lanes<'s>>,
    sources: &'s mut HashMap<String, i64>,
    ledger: Ledger,
    unsettled: &'s mut HashSet<Lane>,
    next_ingest: Ingest,
    last_ingest: &'s mut Ingest,
    open: OpenTransaction<'s>,
}

impl SqliteTransaction<'_> {
    /// Whether a known id comes with the content it has. What retention has deleted is not compared.
    fn compare(&mut self, incoming: &IncomingEvent) -> Result<Inserted, StoreError> {
        let key = incoming.event.id.bits().to_be_bytes();
        let stored: Option<String> = self.stored.query_row([&key[..]], |row| row.get(0)).optional()?;
        let Some(stored) = stored else { return Ok(Inserted::Duplicate) };
        let same = stored == incoming.record || record::decode(&stored).is_ok_and(|e| e == *incoming.event);
        Ok(if same { Inserted::Duplicate } else { Inserted::Conflict })
    }

    /// Counts by bus start; only a sender that says which one it is promises that its lanes have no holes.
    fn keep_books(&mut self, batch: &IncomingBatch, answers: &[Inserted]) -> Result<(), StoreError> {
        let source = self.source(&batch.source, &batch.extra)?;
        let of = |index: usize| batch.events[index].event.id.instance();
        let itself = batch.account.as_ref().map(|account| account.instance);
        let mut at = 0;
        while at < answers.len() {
            let instance = of(at);
            let end = (at..answers.len()).find(|index| of(*index) != instance).unwrap_or(answers.len());
            let known = (itself == Some(instance)).then_some(source);
            self.ledger.count(instance, answers[at..end].iter().copied(), known, batch.received);
            at = end;
        }
        if let Some(account) = batch.account.as_ref().filter(|account| !account.is_empty()) {
            self.ledger.count(account.instance, [].into_iter(), Some(source), batch.received);
            self.ledger.take(self.open.connection, account, batch.received)?;
        }
        Ok(())
    }

    fn source(&mut self, source: &Source, extra: &Attributes) -> Result<i64, StoreError> {
        let fields = record::source_to_json(source, extra);
        if let Some(id) = self.sources.get(&fields) {
            return Ok(*id);
        }
        let connection = self.open.connection;
        connection
            .prepare_cached("INSERT INTO sources (service, fields) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
            .execute(params![source.service.as_str(), fields])?;
        let id = connection
            .prepare_cached("SELECT id FROM sources WHERE fields = ?1")?
            .query_row([&fields], |row| row.get(0))?;
        if self.sources.len() >= SOURCES_MAX {
            self.sources.clear();
        }
        self.sources.insert(fields, id);
        Ok(id)
    }
}

impl Transaction for SqliteTransaction<'_> {
    fn admit(&mut self, batch: &IncomingBatch) -> Result<Vec<Inserted>, StoreError> {
        let lanes = self.lanes.as_mut().expect(OPEN);
        let mut answers = Vec::with_capacity(batch.events.len());
        for incoming in &batch.events {
            answers.push(if lanes.insert(incoming.event.id)? {
                self.next_ingest += 1;
                Inserted::Stored(self.next_ingest - 1)
            } else {
                Inserted::Duplicate
            });
        }
        let itself = batch.account.as_ref().map(|account| account.instance);
        for (instance, lane) in lanes.take_uneven() {
            if itself == Some(InstanceId(instance)) {
                self.ledger.touch(Lane { instance: InstanceId(instance), lane });
            }
        }
        Ok(answers)
    }

    fn write(&mut self, batch: &IncomingBatch, answers: &[Inserted]) -> Result<(), StoreError> {
        let sent = Sent { received: batch.received, source: self.source(&batch.source, &batch.extra)? };
        let mut new = Vec::with_capacity(batch.events.len());
        for (incoming, answer) in batch.events.iter().zip(answers) {
            if let Inserted::Stored(ingest) = answer {
                new.push((*ingest, incoming));
            }
        }
        Ok(self.rows.write(&new, sent)?)
    }

    fn judge(&mut self, batch: &IncomingBatch, answers: &mut [Inserted]) -> Result<(), StoreError> {
        for (incoming, answer) in batch.events.iter().zip(&mut *answers) {
            if *answer == Inserted::Duplicate {
                *answer = self.compare(incoming)?;
            }
        }
        self.keep_books(batch, answers)
    }

    fn set_gap(&mut self, gap: &Gap) -> Result<(), StoreError> {
        ledger::set_gap(self.open.connection, gap)
    }

    fn set_aside(&mut self, letter: &Undeliverable) -> Result<SetAside, StoreError> {
        dead_letter::set_aside(self.open.connection, letter)
    }

    fn remove_letter(&mut self, id: i64) -> Result<bool, StoreError> {
        dead_letter::remove(self.open.connection, id)
    }

    fn letters_held(&self) -> Result<LettersHeld, StoreError> {
        dead_letter::held(self.open.connection)
    }

    fn lost(&self) -> Losses {
        self.ledger.lost()
    }

    fn save_alert(&mut self, alert: &StoredAlert) -> Result<(), StoreError> {
        alert.save(self.open.connection)
    }

    fn set_cursor(&mut self, name: &str, ingest: Ingest) -> Result<(), StoreError> {
        self.open
            .connection
            .prepare_cached("INSERT OR REPLACE INTO cursors (name, ingest) VALUES (?1, ?2)")?
            .execute(params![name, ingest])?;
        Ok(())
    }

    fn delete(&mut self, limit: &PruneLimit, most: u32) -> Result<u64, StoreError> {
        retention::delete(self.open.connection, limit, most)
    }

    fn commit(mut self: Box<Self>) -> Result<(), StoreError> {
        let mut lanes = self.lanes.take().expect(OPEN);
        lanes.write()?;
        self.ledger.write(self.open.connection)?;
        self.open.connection.execute_batch("COMMIT")?;
        lanes.keep();
        std::mem::take(&mut self.ledger).settle_into(self.unsettled);
        self.open.committed = true;
        *self.last_ingest = self.next_ingest;
        Ok(())
    }
}

impl Drop for SqliteTransaction<'_> {
    fn drop(&mut self) {
        if !self.open.committed {
            // A row that was rolled back must not be remembered.
            self.sources.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use veribus_core::{EventId, Timestamp, VerificationEvent, event};

    fn batch(events: Vec<VerificationEvent>) -> IncomingBatch {
        let events = events.into_iter().map(IncomingEvent::new).collect();
        IncomingBatch::new(Source::new("tests"), Timestamp::from_seconds(1), events)
    }

    fn login(seq: u64, actor: &str) -> VerificationEvent {
        let id = EventId::new(InstanceId(7), 1, seq);
        event::authentication("login")
            .failure()
            .actor(actor)
            .into_event(id, Timestamp::from_seconds(5))
            .unwrap()
    }

    fn insert(store: &mut SqliteStore, events: Vec<VerificationEvent>) -> Vec<Inserted> {
        let mut transaction = store.begin().unwrap();
        let inserted = transaction.insert(&batch(events)).unwrap();
        transaction.commit().unwrap();
        inserted
    }

    #[test]
    fn an_event_is_stored_once_however_often_it_comes() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("events.db");
        let mut store = SqliteStore::open(&path).unwrap();
        let first = insert(&mut store, vec![login(1, "alice"), login(2, "bob"), login(1, "alice")]);
        assert_eq!(first, [Inserted::Stored(1), Inserted::Stored(2), Inserted::Duplicate]);
        drop(store);
        let mut store = SqliteStore::open(&path).unwrap();
        let again = insert(&mut store, vec![login(2, "bob"), login(3, "carol"), login(2, "mallory")]);
        assert_eq!(again, [Inserted::Duplicate, Inserted::Stored(3), Inserted::Conflict]);
    }

    #[test]
    fn what_is_not_committed_never_was() {
        let temp = tempfile::tempdir().unwrap();
        let mut store = SqliteStore::open(&temp.path().join("events.db")).unwrap();
        let mut transaction = store.begin().unwrap();
        transaction.insert(&batch(vec![login(1, "alice")])).unwrap();
        drop(transaction);
        assert_eq!(insert(&mut store, vec![login(1, "alice")]), [Inserted::Stored(1)]);
    }

    #[test]
    fn a_newer_or_foreign_database_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("events.db");
        drop(SqliteStore::open(&path).unwrap());
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        assert_eq!(SqliteStore::open(&path).unwrap_err().code(), "STORE_VERSION");
        let other = temp.path().join("other.db");
        Connection::open(&other).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
        assert_eq!(SqliteStore::open(&other).unwrap_err().code(), "STORE_FOREIGN");
    }
}
