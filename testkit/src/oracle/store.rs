//! Reads a collector's SQLite file with a few lines of its own.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, types::ValueRef};
use serde_json::Value;

use super::event::{Content, Key, Tag};
use super::found::{Found, Stored};

/// The file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite says no.
    #[error("the store cannot be read")]
    Sqlite(#[from] rusqlite::Error),
    /// SQLite says that its file is damaged.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// A row is not what it should be.
    #[error("row {ingest} of the store is not understood: {what}")]
    Row {
        /// Its number.
        ingest: i64,
        /// What is wrong.
        what: String,
    },
}

/// What is stored in the folder `data` of a collector, in the order of storing; also checks the file's integrity.
///
/// # Errors
/// [`StoreError`].
pub fn read_store(data: &Path) -> Result<Found, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(data.join("events.db"), flags)?;
    database.busy_timeout(std::time::Duration::from_secs(10))?;
    let integrity: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    if integrity != "ok" {
        return Err(StoreError::Damaged(integrity));
    }
    let mut found = Found::default();
    let mut find = database.prepare("SELECT ingest, id, record FROM events ORDER BY ingest")?;
    let mut rows = find.query([])?;
    while let Some(row) = rows.next()? {
        let ingest: i64 = row.get(0)?;
        let not = |what: &str| StoreError::Row { ingest, what: what.to_owned() };
        let id: [u8; 16] = row.get(1)?;
        let record = match row.get_ref(2)? {
            ValueRef::Text(text) | ValueRef::Blob(text) => text,
            _ => return Err(not("its record is no text")),
        };
        let record: Value = serde_json::from_slice(record).map_err(|error| not(&error.to_string()))?;
        found.stored.push(Stored { key: Key::from_bits(u128::from_be_bytes(id)), event: event(&record) });
    }
    Ok(found)
}

/// Our tag and the digest of what the event says; `None` if it carries no tag.
fn event(record: &Value) -> Option<(Tag, u64)> {
    let attribute = |name: &str| record["attributes"][name].as_str();
    let tag = Tag::parse(attribute("tag")?)?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let content = Content {
        action: text(&record["action"]),
        actor: text(&record["actor"]["name"]),
        body: attribute("body").unwrap_or_default().to_owned(),
    };
    Some((tag, content.digest()))
}
