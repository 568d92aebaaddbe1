//! What cannot be read is kept as it came, with the reason, until a person has looked at it; never more than a ceiling.
//!
//! The same content is one letter however often it comes. A letter leaves by redrive or by retention, and not else.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use veribus_core::Timestamp;

use super::{Reader, StoreError, schema};

/// What is kept at once.
const CEILING: LettersHeld = LettersHeld { letters: 10_000, bytes: 512 << 20 };

/// A parcel that cannot be stored as events, on its way to be set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undeliverable {
    /// Where it came from, without secrets.
    pub origin: String,
    /// The sender's id of the parcel, if it names one.
    pub parcel: Option<String>,
    /// Stable code of what is wrong.
    pub code: String,
    /// The same in a sentence, escaped.
    pub reason: String,
    /// Media type, as it was said.
    pub media_type: String,
    /// Compression, as it was said.
    pub encoding: String,
    /// How often it was delivered.
    pub deliveries: u64,
    /// When it came the last time.
    pub received: Timestamp,
    /// The bytes as they came.
    pub body: Vec<u8>,
}

/// What was done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetAside {
    /// The letter's number.
    pub id: i64,
    /// Whether the same content has come in more than one parcel: it was not damaged on the way, its sender means it.
    pub is_meant: bool,
}

/// One letter without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Its number.
    pub id: i64,
    /// Where it came from, without secrets.
    pub origin: String,
    /// The sender's id of the parcel that brought it last, if it named one.
    pub parcel: Option<String>,
    /// Stable code of what is wrong.
    pub code: String,
    /// The same in a sentence.
    pub reason: String,
    /// Media type, as it was said.
    pub media_type: String,
    /// Compression, as it was said.
    pub encoding: String,
    /// How often the first parcel was delivered.
    pub deliveries: u64,
    /// In how many parcels the same content came.
    pub parcels: u64,
    /// When it came first, RFC 3339.
    pub first_at: String,
    /// When it came last.
    pub last_at: String,
    /// Length of the body.
    pub bytes: u64,
}

/// How much is set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LettersHeld {
    /// Letters.
    pub letters: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
}

/// How much is set aside now.
pub(super) fn held(connection: &Connection) -> Result<LettersHeld, StoreError> {
    // Answered from an index: the bodies are not read.
    let mut sum = connection.prepare_cached("SELECT count(*), coalesce(sum(bytes), 0) FROM dead_letters")?;
    let count = |row: &Row<'_>, column| row.get::<_, i64>(column).map(i64::unsigned_abs);
    Ok(sum.query_row([], |row| Ok(LettersHeld { letters: count(row, 0)?, bytes: count(row, 1)? }))?)
}

/// Keeps `letter`, or counts one more of the same.
///
/// # Errors
/// [`StoreError::LettersFull`]; [`StoreError::Sqlite`].
pub(super) fn set_aside(connection: &Connection, letter: &Undeliverable) -> Result<SetAside, StoreError> {
    set_aside_within(connection, letter, CEILING)
}

fn set_aside_within(
    connection: &Connection,
    letter: &Undeliverable,
    ceiling: LettersHeld,
) -> Result<SetAside, StoreError> {
    let hash = content(letter);
    let mut known =
        connection.prepare_cached("SELECT id, parcels, parcel IS ?2 FROM dead_letters WHERE hash = ?1")?;
    let known: Option<(i64, i64, bool)> = known
        .query_row(params![hash, letter.parcel], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    if let Some((id, parcels, is_same_parcel)) = known {
        let parcels = parcels + i64::from(!is_same_parcel);
        connection
            .prepare_cached("UPDATE dead_letters SET parcels = ?2, parcel = ?3, last_at = ?4 WHERE id = ?1")?
            .execute(params![id, parcels, letter.parcel, letter.received.as_nanos()])?;
        return Ok(SetAside { id, is_meant: parcels > 1 });
    }
    let held = held(connection)?;
    let bytes = letter.body.len() as u64;
    if held.letters >= ceiling.letters || held.bytes + bytes > ceiling.bytes {
        return Err(StoreError::LettersFull { letters: held.letters, bytes: held.bytes });
    }
    connection
        .prepare_cached(
            "INSERT INTO dead_letters (hash, origin, parcel, code, reason, media_type, encoding, deliveries, \
             parcels, first_at, last_at, bytes, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1, ?9, ?9, ?10, ?11)",
        )?
        .execute(params![
            hash,
            letter.origin,
            letter.parcel,
            letter.code,
            letter.reason,
            letter.media_type,
            letter.encoding,
            i64::try_from(letter.deliveries).unwrap_or(i64::MAX),
            letter.received.as_nanos(),
            bytes as i64,
            letter.body,
        ])?;
    Ok(SetAside { id: connection.last_insert_rowid(), is_meant: false })
}

/// Removes a letter; `false` if there is none of this number.
pub(super) fn remove(connection: &Connection, id: i64) -> Result<bool, StoreError> {
    Ok(connection.prepare_cached("DELETE FROM dead_letters WHERE id = ?1")?.execute([id])? == 1)
}

/// What makes two letters the same: bytes, and how they are to be read.
fn content(letter: &Undeliverable) -> Vec<u8> {
    let mut hash = Sha256::new();
    for part in [&letter.media_type, &letter.encoding] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.update(&letter.body);
    hash.finalize().to_vec()
}

const COLUMNS: &str = "id, origin, parcel, code, reason, media_type, encoding, deliveries, parcels, first_at, \
    last_at, bytes";

impl Reader {
    /// At most `most` letters after the number `after`, in their order.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn dead_letters(&self, after: i64, most: u32) -> Result<Vec<DeadLetter>, StoreError> {
        if !self.has_letters()? {
            return Ok(Vec::new());
        }
        let sql = format!("SELECT {COLUMNS} FROM dead_letters WHERE id > ?1 ORDER BY id LIMIT ?2");
        let mut find = self.connection().prepare_cached(&sql)?;
        Ok(find.query_map(params![after, most], letter)?.collect::<Result<_, _>>()?)
    }

    /// One letter and its bytes; `None` if there is none of this number.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn dead_letter(&self, id: i64) -> Result<Option<(DeadLetter, Vec<u8>)>, StoreError> {
        if !self.has_letters()? {
            return Ok(None);
        }
        let sql = format!("SELECT {COLUMNS}, body FROM dead_letters WHERE id = ?1");
        let mut find = self.connection().prepare_cached(&sql)?;
        Ok(find.query_row([id], |row| Ok((letter(row)?, row.get(12)?))).optional()?)
    }

    /// How much is set aside.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn letters_held(&self) -> Result<LettersHeld, StoreError> {
        if self.has_letters()? { held(self.connection()) } else { Ok(LettersHeld::default()) }
    }

    fn has_letters(&self) -> Result<bool, StoreError> {
        Ok(schema::version(self.connection())? >= schema::LETTERS_SINCE)
    }
}

fn letter(row: &Row<'_>) -> rusqlite::Result<DeadLetter> {
    let count = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
    let time = |column| row.get(column).map(|nanos| Timestamp::from_nanos(nanos).to_string());
    Ok(DeadLetter {
        id: row.get(0)?,
        origin: row.get(1)?,
        parcel: row.get(2)?,
        code: row.get(3)?,
        reason: row.get(4)?,
        media_type: row.get(5)?,
        encoding: row.get(6)?,
        deliveries: count(7)?,
        parcels: count(8)?,
        first_at: time(9)?,
        last_at: time(10)?,
        bytes: count(11)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::prepare(&mut connection).unwrap();
        connection
    }

    fn undeliverable(parcel: Option<&str>, body: Vec<u8>) -> Undeliverable {
        Undeliverable {
            origin: "nats://127.0.0.1:4222".into(),
            parcel: parcel.map(str::to_owned),
            code: "MSGPACK_TRUNCATED".into(),
            reason: "it ends too early".into(),
            media_type: "application/x".into(),
            encoding: "identity".into(),
            deliveries: 5,
            received: Timestamp::from_nanos(7),
            body,
        }
    }

    #[test]
    fn the_same_content_is_one_letter_and_is_meant_once_it_comes_in_another_parcel() {
        let connection = database();
        let one = set_aside(&connection, &undeliverable(Some("a"), b"x".to_vec())).unwrap();
        assert!(!one.is_meant);
        let again = set_aside(&connection, &undeliverable(Some("a"), b"x".to_vec())).unwrap();
        assert_eq!(again, one, "the acknowledgement was lost, nothing else");
        let resent = set_aside(&connection, &undeliverable(Some("b"), b"x".to_vec())).unwrap();
        assert_eq!(resent, SetAside { id: one.id, is_meant: true });
        let other = set_aside(&connection, &undeliverable(Some("a"), b"y".to_vec())).unwrap();
        assert_ne!(other.id, one.id);
        assert_eq!(held(&connection).unwrap(), LettersHeld { letters: 2, bytes: 2 });
        assert!(remove(&connection, one.id).unwrap() && !remove(&connection, one.id).unwrap());
    }

    #[test]
    fn beyond_the_ceiling_nothing_is_taken_and_nothing_is_pushed_out() {
        let connection = database();
        let ceiling = LettersHeld { letters: 4, bytes: 1_000 };
        let set_aside =
            |n: u8, bytes| set_aside_within(&connection, &undeliverable(None, vec![n; bytes]), ceiling);
        assert!((0..3).all(|n| set_aside(n, 300).is_ok()));
        assert_eq!(set_aside(3, 300).unwrap_err().code(), "DEAD_LETTERS_FULL", "too many bytes");
        assert!(set_aside(4, 10).is_ok());
        assert_eq!(set_aside(5, 10).unwrap_err().code(), "DEAD_LETTERS_FULL", "too many");
        assert!(set_aside(0, 300).is_ok(), "one that is there already needs no room");
        assert_eq!(held(&connection).unwrap(), LettersHeld { letters: 4, bytes: 910 });
    }
}
