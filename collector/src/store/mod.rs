//! The append-only log of events: what is committed is stored once, and stays.
//!
//! One writer owns a [`Store`]; everything that belongs to an event (its row, its lane's intervals, the alerts it
//! raised, cursors) changes in one [`Transaction`]. Readers work beside it on connections of their own.

mod accounting;
mod alert;
mod books;
mod dead_letter;
mod lanes;
mod ledger;
mod query;
mod reader;
mod record;
mod retention;
mod rows;
mod schema;
mod sqlite;
mod when;

use std::sync::Arc;

use veribus_core::{Account, Attributes, EventId, Losses, Source, Timestamp, VerificationEvent};

pub use accounting::{Accounting, ProducerAccount, ShownHole};
pub use alert::{QUIET, StoredAlert};
pub use books::{Books, Claim, Hole};
pub use dead_letter::{DeadLetter, LettersHeld, SetAside, Undeliverable};
pub use ledger::{Gap, Lane};
pub use query::{Query, QueryError};
pub use reader::{Reader, StoredEvent, json_line};
pub use record::RecordError;
pub use record::{encode as record_of, source_to_json};
pub use retention::{PruneLimit, PruneReport, PruneWhat};
pub use sqlite::SqliteStore;
pub use when::{When, WhenError};

/// Number of an event in the order of storing: from 1, total, never used twice.
pub type Ingest = i64;

/// Name of the cursor up to which the audit trail holds every stored event.
pub const AUDIT_CURSOR: &str = "audit";

/// Events of one sender on their way into the store.
#[derive(Debug)]
pub struct IncomingBatch {
    /// Who sent them.
    pub source: Arc<Source>,
    /// Fields of a newer sender: stored and shown with the source.
    pub extra: Attributes,
    /// When they came.
    pub received: Timestamp,
    /// In the sender's order.
    pub events: Vec<IncomingEvent>,
    /// The bus start that sends, and what it says about its numbers.
    pub account: Option<Account>,
}

impl IncomingBatch {
    /// Events of a sender that says nothing more.
    pub fn new(source: Source, received: Timestamp, events: Vec<IncomingEvent>) -> Self {
        IncomingBatch { source: Arc::new(source), extra: Attributes::new(), received, events, account: None }
    }
}

/// One event and its stored form.
#[derive(Debug, Clone)]
pub struct IncomingEvent {
    /// The event, checked.
    pub event: Arc<VerificationEvent>,
    /// What is written into the store: a JSON line; empty as long as the event has no identity.
    pub record: String,
}

impl IncomingEvent {
    /// The event with its stored form.
    pub fn new(event: VerificationEvent) -> Self {
        let record = if event.id.bits() == 0 { String::new() } else { record::encode(&event) };
        IncomingEvent { record, event: Arc::new(event) }
    }

    /// Gives an event without an identity one.
    pub fn name(&mut self, id: EventId) {
        let event = Arc::make_mut(&mut self.event);
        event.id = id;
        self.record = record::encode(event);
    }
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It is new, and has this number.
    Stored(Ingest),
    /// It was there already, the same.
    Duplicate,
    /// Its id was there already with another content; the first is kept.
    Conflict,
}

/// A place for events, written by one thread.
pub trait Store: Send {
    /// Begins a transaction; what is not committed never was.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be written to now.
    fn begin(&mut self) -> Result<Box<dyn Transaction + '_>, StoreError>;

    /// The position of a cursor; 0 if it was never set.
    ///
    /// # Errors
    /// [`StoreError`].
    fn cursor(&self, name: &str) -> Result<Ingest, StoreError>;

    /// Lanes that may have got a hole, or lost one, since they were last asked for.
    fn take_unsettled(&mut self) -> Vec<Lane>;

    /// What is known about the numbers of a lane, and how many of them were said to be missing.
    ///
    /// # Errors
    /// [`StoreError`].
    fn books(&self, lane: Lane) -> Result<(Books, u64), StoreError>;
}

/// Changes that happen together or not at all.
pub trait Transaction {
    /// Numbers the events that are new; the answer has one entry for each, in order. What is known already is
    /// `Duplicate` until [`Transaction::judge`] has compared it.
    ///
    /// # Errors
    /// [`StoreError`]; the transaction is then of no more use.
    fn admit(&mut self, batch: &IncomingBatch) -> Result<Vec<Inserted>, StoreError>;

    /// Writes the events that were admitted as new.
    ///
    /// # Errors
    /// As [`Transaction::admit`].
    fn write(&mut self, batch: &IncomingBatch, answers: &[Inserted]) -> Result<(), StoreError>;

    /// Once every batch that was admitted is written: finds the `Conflict`s among the known, and counts.
    ///
    /// # Errors
    /// As [`Transaction::admit`].
    fn judge(&mut self, batch: &IncomingBatch, answers: &mut [Inserted]) -> Result<(), StoreError>;

    /// Stores the events that are new, of one batch alone.
    ///
    /// # Errors
    /// As [`Transaction::admit`].
    fn insert(&mut self, batch: &IncomingBatch) -> Result<Vec<Inserted>, StoreError> {
        let mut answers = self.admit(batch)?;
        self.write(batch, &answers)?;
        self.judge(batch, &mut answers)?;
        Ok(answers)
    }

    /// Stores an alert in place of what is stored of it: same rule and entity, less than [`QUIET`] apart.
    ///
    /// # Errors
    /// [`StoreError`].
    fn save_alert(&mut self, alert: &StoredAlert) -> Result<(), StoreError>;

    /// Keeps that a gap was said aloud, or that it is closed.
    ///
    /// # Errors
    /// [`StoreError`].
    fn set_gap(&mut self, gap: &Gap) -> Result<(), StoreError>;

    /// Keeps what cannot be read.
    ///
    /// # Errors
    /// [`StoreError::LettersFull`]: nothing was changed, and the transaction goes on; else as all of them.
    fn set_aside(&mut self, letter: &Undeliverable) -> Result<SetAside, StoreError>;

    /// Removes a dead letter; `false` if there is none of this number.
    ///
    /// # Errors
    /// [`StoreError`].
    fn remove_letter(&mut self, id: i64) -> Result<bool, StoreError>;

    /// How much is set aside.
    ///
    /// # Errors
    /// [`StoreError`].
    fn letters_held(&self) -> Result<LettersHeld, StoreError>;

    /// Losses that this transaction heard of for the first time.
    fn lost(&self) -> Losses;

    /// Moves a cursor.
    ///
    /// # Errors
    /// [`StoreError`].
    fn set_cursor(&mut self, name: &str, ingest: Ingest) -> Result<(), StoreError>;

    /// Deletes at most `most` of the oldest alerts or events that `limit` names; answers how many.
    ///
    /// # Errors
    /// [`StoreError`].
    fn delete(&mut self, limit: &PruneLimit, most: u32) -> Result<u64, StoreError>;

    /// Makes all of it durable.
    ///
    /// # Errors
    /// [`StoreError`]; nothing of it has happened then.
    fn commit(self: Box<Self>) -> Result<(), StoreError>;
}

/// What can go wrong with the store. [`StoreError::code`] is stable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Written by a newer veribus.
    #[error("the store has version {found}, this veribus knows versions up to {known}; use a newer veribus")]
    Version {
        /// Version of the store.
        found: i32,
        /// Newest version that this program knows.
        known: i32,
    },
    /// A database of some other program.
    #[error("the database belongs to another program")]
    Foreign,
    /// The bundled SQLite is too old to be trusted with this.
    #[error("SQLite {found} is too old; 3.51.3 or newer is needed")]
    Library {
        /// Its version.
        found: &'static str,
    },
    /// The database file cannot be made or opened.
    #[error("cannot open the store `{}`", .path.display())]
    Open {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A stored event cannot be read back.
    #[error("stored event {ingest} cannot be read")]
    Record {
        /// Its number.
        ingest: Ingest,
        /// Why.
        #[source]
        source: RecordError,
    },
    /// No more dead letters are taken.
    #[error("{letters} dead letters of {bytes} bytes are kept, and no more are taken")]
    LettersFull {
        /// How many there are.
        letters: u64,
        /// Bytes of their bodies.
        bytes: u64,
    },
    /// SQLite refused.
    #[error("the store cannot be read or written")]
    Sqlite(#[from] rusqlite::Error),
}

impl StoreError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        use rusqlite::ErrorCode;
        match self {
            StoreError::Version { .. } => "STORE_VERSION",
            StoreError::Foreign => "STORE_FOREIGN",
            StoreError::Library { .. } => "STORE_LIBRARY",
            StoreError::Open { .. } => "STORE_OPEN",
            StoreError::Record { .. } => "STORE_RECORD",
            StoreError::LettersFull { .. } => "DEAD_LETTERS_FULL",
            StoreError::Sqlite(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => "STORE_FULL",
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => "STORE_CORRUPT",
                _ => "STORE_UNAVAILABLE",
            },
        }
    }
}
