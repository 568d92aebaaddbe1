//! Reads a collector's SQLite file with a few lines of its own.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, Row, types::ValueRef};
use serde_json::Value;

use super::event::{Content, Key, Tag};
use super::found::{Found, Lost, Stored};

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
    read_books(&database, &mut found)?;
    Ok(found)
}

/// The bytes of what the collector in the folder `data` has set aside as no parcel.
///
/// # Errors
/// [`StoreError`].
pub fn dead_letters(data: &Path) -> Result<Vec<Vec<u8>>, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(data.join("events.db"), flags)?;
    database.busy_timeout(std::time::Duration::from_secs(10))?;
    let mut find = database.prepare("SELECT body FROM dead_letters")?;
    let bodies = find.query_map([], |row| row.get(0))?;
    Ok(bodies.collect::<Result<_, _>>()?)
}

/// Losses, marks, and the holes that the collector has seen without knowing why.
fn read_books(database: &Connection, found: &mut Found) -> Result<(), StoreError> {
    let lane =
        |row: &Row<'_>| Ok::<_, rusqlite::Error>((row.get::<_, i64>(0)? as u64, row.get::<_, u16>(1)?));
    let mut find = database.prepare("SELECT instance, lane, first, last, count, reason FROM losses")?;
    let lost = find.query_map([], |row| {
        let (instance, lane) = lane(row)?;
        let number = |at| Ok::<_, rusqlite::Error>(row.get::<_, i64>(at)? as u64);
        Ok(Lost {
            instance,
            lane,
            first: number(2)?,
            last: number(3)?,
            count: number(4)?,
            reason: row.get(5)?,
        })
    })?;
    found.lost = lost.collect::<Result<_, _>>()?;
    let mut find = database.prepare("SELECT instance, lane, next FROM marks")?;
    let marks = find.query_map([], |row| Ok((lane(row)?, row.get::<_, i64>(2)? as u64)))?;
    found.marks = marks.collect::<Result<_, _>>()?;
    let mut find = database.prepare("SELECT instance, lane, missing FROM gaps WHERE missing > 0")?;
    let gaps = find.query_map([], |row| Ok((lane(row)?, row.get::<_, i64>(2)? as u64)))?;
    for gap in gaps {
        let (lane, missing) = gap?;
        let holes = holes(found, lane);
        // Another count than ours explains nothing: the holes stay what they are.
        if holes.len() as u64 == missing {
            let (instance, lane) = lane;
            let reason = Found::UNEXPLAINED.to_owned();
            let lost = |seq| Lost { instance, lane, first: seq, last: seq, count: 1, reason: reason.clone() };
            found.lost.extend(holes.into_iter().map(lost));
        }
    }
    Ok(())
}

/// Numbers of a lane below the highest that is known, neither stored nor explained.
fn holes(found: &Found, (instance, lane): (u64, u16)) -> Vec<u64> {
    let is_ours = |of: (u64, u16)| of == (instance, lane);
    let stored: BTreeSet<u64> = found
        .stored
        .iter()
        .filter(|stored| is_ours((stored.key.instance, stored.key.lane)))
        .map(|stored| stored.key.seq)
        .collect();
    let lost: Vec<_> = found.lost.iter().filter(|lost| is_ours((lost.instance, lost.lane))).collect();
    let mark = found.marks.get(&(instance, lane)).map_or(0, |next| next.saturating_sub(1));
    let top = stored.last().copied().into_iter().chain(lost.iter().map(|lost| lost.last)).chain([mark]).max();
    let is_lost = |seq: &u64| lost.iter().any(|lost| (lost.first..=lost.last).contains(seq));
    (1..=top.unwrap_or(0)).filter(|seq| !stored.contains(seq) && !is_lost(seq)).collect()
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
