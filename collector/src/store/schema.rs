//! The tables of version 3, the steps up from older ones, and the refusal of a database that a newer version wrote.

use rusqlite::Connection;

use super::StoreError;

/// Version of the tables, kept in `user_version`.
pub(super) const SCHEMA_VERSION: i32 = 3;

/// The version that brought the ledger of bus starts.
pub(super) const LEDGER_SINCE: i32 = 2;

/// The version that brought dead letters.
pub(super) const LETTERS_SINCE: i32 = 3;

/// `vbus` in ASCII, kept in `application_id`: this file is a veribus store.
const APPLICATION_ID: i32 = 0x7662_7573;

/// Times are nanoseconds since 1970 UTC; `instance` is the unsigned number's two's complement.
const TABLES: &str = "
CREATE TABLE sources (
    id       INTEGER PRIMARY KEY,
    service  TEXT NOT NULL,
    fields   TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE events (
    ingest   INTEGER PRIMARY KEY,
    id       BLOB NOT NULL,
    time     INTEGER NOT NULL,
    received INTEGER NOT NULL,
    source   INTEGER NOT NULL REFERENCES sources(id),
    kind     TEXT NOT NULL,
    action   TEXT NOT NULL,
    outcome  INTEGER NOT NULL,
    severity INTEGER NOT NULL,
    actor    TEXT,
    ip       TEXT,
    trace    BLOB,
    record   TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX events_id ON events(id);
CREATE INDEX events_time ON events(time);
CREATE INDEX events_trace ON events(trace) WHERE trace IS NOT NULL;

CREATE TABLE lanes (
    instance INTEGER NOT NULL,
    lane     INTEGER NOT NULL,
    first    INTEGER NOT NULL,
    last     INTEGER NOT NULL,
    PRIMARY KEY (instance, lane, first)
) STRICT, WITHOUT ROWID;

CREATE TABLE alerts (
    rule       TEXT NOT NULL,
    entity     TEXT NOT NULL,
    risk       INTEGER NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL,
    detail     TEXT NOT NULL,
    PRIMARY KEY (rule, entity, first_seen)
) STRICT, WITHOUT ROWID;
CREATE INDEX alerts_last_seen ON alerts(last_seen);

CREATE TABLE cursors (
    name     TEXT PRIMARY KEY,
    ingest   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

/// What version 2 adds: the ledger of bus starts.
const LEDGER: &str = "
CREATE TABLE producers (
    instance   INTEGER PRIMARY KEY,
    source     INTEGER REFERENCES sources(id),
    first_at   INTEGER NOT NULL,
    last_at    INTEGER NOT NULL,
    stored     INTEGER NOT NULL,
    duplicates INTEGER NOT NULL,
    conflicts  INTEGER NOT NULL
) STRICT;

CREATE TABLE losses (
    instance INTEGER NOT NULL,
    lane     INTEGER NOT NULL,
    first    INTEGER NOT NULL,
    last     INTEGER NOT NULL,
    reason   TEXT NOT NULL,
    count    INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at  INTEGER NOT NULL,
    received INTEGER NOT NULL,
    PRIMARY KEY (instance, lane, first, last, reason, count)
) STRICT, WITHOUT ROWID;

CREATE TABLE marks (
    instance INTEGER NOT NULL,
    lane     INTEGER NOT NULL,
    next     INTEGER NOT NULL,
    PRIMARY KEY (instance, lane)
) STRICT, WITHOUT ROWID;

CREATE TABLE gaps (
    instance INTEGER NOT NULL,
    lane     INTEGER NOT NULL,
    missing  INTEGER NOT NULL,
    PRIMARY KEY (instance, lane)
) STRICT, WITHOUT ROWID;
";

/// What version 3 adds: parcels that cannot be read. Numbers are never used twice.
const LETTERS: &str = "
CREATE TABLE dead_letters (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    hash       BLOB NOT NULL UNIQUE,
    origin     TEXT NOT NULL,
    parcel     TEXT,
    code       TEXT NOT NULL,
    reason     TEXT NOT NULL,
    media_type TEXT NOT NULL,
    encoding   TEXT NOT NULL,
    deliveries INTEGER NOT NULL,
    parcels    INTEGER NOT NULL,
    first_at   INTEGER NOT NULL,
    last_at    INTEGER NOT NULL,
    bytes      INTEGER NOT NULL,
    body       BLOB NOT NULL
) STRICT;
CREATE INDEX dead_letters_bytes ON dead_letters(bytes);
";

/// The steps: what each version adds to the one before.
const STEPS: [&str; SCHEMA_VERSION as usize] = [TABLES, LEDGER, LETTERS];

/// Makes the tables in an empty database, adds what an older one lacks, or checks that they are of this version.
///
/// # Errors
/// [`StoreError::Version`] for a newer version; [`StoreError::Foreign`] for another program's database.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), StoreError> {
    let found = version(connection)?;
    let missing = &STEPS[usize::try_from(found).unwrap_or(0)..];
    if missing.is_empty() {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    for step in missing {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    Ok(transaction.commit()?)
}

/// The version of a database that this program can work with; 0 if it is empty.
///
/// # Errors
/// As [`prepare`].
pub(super) fn version(connection: &Connection) -> Result<i32, StoreError> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (application, found) = (number("application_id")?, number("user_version")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION_ID && tables > 0 {
        return Err(StoreError::Foreign);
    }
    if found > SCHEMA_VERSION {
        return Err(StoreError::Version { found, known: SCHEMA_VERSION });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_of_version_1_gets_its_ledger_and_keeps_its_events() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(TABLES).unwrap();
        connection.execute_batch("INSERT INTO cursors VALUES ('audit', 7)").unwrap();
        connection.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        prepare(&mut connection).unwrap();
        prepare(&mut connection).unwrap();
        assert_eq!(version(&connection).unwrap(), SCHEMA_VERSION);
        let one = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!((one("SELECT ingest FROM cursors"), one("SELECT count(*) FROM producers")), (7, 0));
    }
}
