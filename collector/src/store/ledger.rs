//! What each bus start sent: counts, how far its lanes came and what it lost, in the transaction of its events.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, Row, params};
use veribus_core::{Account, InstanceId, LossReason, Losses, Timestamp};

use super::books::{Books, Claim};
use super::lanes::signed;
use super::{Inserted, StoreError};

/// Lanes that wait to be looked at for gaps; of more than these the first ones are kept, and all are looked at after the
/// next start.
const UNSETTLED_MAX: usize = 65_536;

/// Intervals and loss records of one lane that are read; what a hostile sender claims beyond them explains nothing.
const LANE_ROWS_MAX: u32 = 20_000;

/// One publishing thread of one bus start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane {
    /// The bus start.
    pub instance: InstanceId,
    /// Its lane.
    pub lane: u16,
}

/// A gap that was said aloud: numbers that nobody explained in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Where.
    pub lane: Lane,
    /// How many numbers; 0 closes it.
    pub missing: u64,
}

#[derive(Debug, Default)]
struct Tally {
    stored: u64,
    duplicates: u64,
    conflicts: u64,
    /// Whether the bus start itself sent it.
    source: Option<i64>,
    received: i64,
}

/// The changes of one transaction.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    tallies: HashMap<u64, Tally>,
    lost: Losses,
    touched: HashSet<Lane>,
}

impl Ledger {
    /// Counts events of `instance`; `source` is the row of the sender, if it says that it is this bus start.
    pub(super) fn count(
        &mut self,
        instance: InstanceId,
        answers: impl Iterator<Item = Inserted>,
        source: Option<i64>,
        received: Timestamp,
    ) {
        let tally = self.tallies.entry(instance.0).or_default();
        for answer in answers {
            match answer {
                Inserted::Stored(_) => tally.stored += 1,
                Inserted::Duplicate => tally.duplicates += 1,
                Inserted::Conflict => tally.conflicts += 1,
            }
        }
        tally.source = source.or(tally.source);
        tally.received = tally.received.max(received.as_nanos());
    }

    /// The lane may have got or lost a hole.
    pub(super) fn touch(&mut self, lane: Lane) {
        self.touched.insert(lane);
    }

    /// Takes what a sender says about its numbers; a record that is known already changes nothing.
    pub(super) fn take(
        &mut self,
        connection: &Connection,
        account: &Account,
        received: Timestamp,
    ) -> rusqlite::Result<()> {
        let instance = signed(account.instance.0);
        let mut insert = connection.prepare_cached(
            "INSERT OR IGNORE INTO losses (instance, lane, first, last, reason, count, first_at, last_at, received) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?;
        for loss in &account.losses {
            let new = insert.execute(params![
                instance,
                loss.lane,
                loss.first_seq as i64,
                loss.last_seq as i64,
                loss.reason.as_str(),
                loss.count as i64,
                loss.first_at.as_nanos(),
                loss.last_at.as_nanos(),
                received.as_nanos(),
            ])?;
            if new == 1 {
                self.lost.add(loss.reason, loss.count);
                self.touch(Lane { instance: account.instance, lane: loss.lane });
            }
        }
        let mut mark = connection.prepare_cached(
            "INSERT INTO marks (instance, lane, next) VALUES (?1, ?2, ?3) \
             ON CONFLICT DO UPDATE SET next = excluded.next WHERE excluded.next > next",
        )?;
        for lane in &account.lanes {
            if mark.execute(params![instance, lane.lane, lane.next_seq as i64])? == 1 {
                self.touch(Lane { instance: account.instance, lane: lane.lane });
            }
        }
        Ok(())
    }

    /// Writes the counts.
    pub(super) fn write(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let mut upsert = connection.prepare_cached(
            "INSERT INTO producers (instance, source, first_at, last_at, stored, duplicates, conflicts) \
             VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET \
             source = coalesce(excluded.source, source), last_at = max(last_at, excluded.last_at), \
             stored = stored + excluded.stored, duplicates = duplicates + excluded.duplicates, \
             conflicts = conflicts + excluded.conflicts",
        )?;
        for (instance, tally) in self.tallies.drain() {
            let counts = [tally.stored, tally.duplicates, tally.conflicts].map(|n| n as i64);
            upsert.execute(params![
                signed(instance),
                tally.source,
                tally.received,
                counts[0],
                counts[1],
                counts[2]
            ])?;
        }
        Ok(())
    }

    /// What was new among the losses.
    pub(super) fn lost(&self) -> Losses {
        self.lost
    }

    /// The transaction was committed: its lanes are to be looked at.
    pub(super) fn settle_into(self, unsettled: &mut HashSet<Lane>) {
        for lane in self.touched {
            if unsettled.len() < UNSETTLED_MAX {
                unsettled.insert(lane);
            }
        }
    }
}

/// The books of one lane as they are stored.
pub(super) fn books(connection: &Connection, lane: Lane) -> Result<Books, StoreError> {
    let key = params![signed(lane.instance.0), lane.lane, LANE_ROWS_MAX];
    let mut intervals = connection.prepare_cached(
        "SELECT first, last FROM lanes WHERE instance = ?1 AND lane = ?2 ORDER BY first LIMIT ?3",
    )?;
    let stored = intervals
        .query_map(key, |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64)))?
        .collect::<Result<Vec<_>, _>>()?;
    let mut losses = connection.prepare_cached(
        "SELECT first, last, count, reason FROM losses WHERE instance = ?1 AND lane = ?2 LIMIT ?3",
    )?;
    let claims = losses
        .query_map(key, |row| {
            let number = |column| row.get::<_, i64>(column).map(|n| n as u64);
            let reason = LossReason::from_name(&row.get::<_, String>(3)?);
            Ok(reason.map(|reason| (number(0), number(1), number(2), reason)))
        })?
        .filter_map(Result::transpose)
        .map(|row| {
            let (first, last, count, reason) = row?;
            Ok(Claim { first: first?, last: last?, count: count?, reason })
        })
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let next: Option<i64> = connection
        .prepare_cached("SELECT next FROM marks WHERE instance = ?1 AND lane = ?2")?
        .query_row(params![signed(lane.instance.0), lane.lane], |row| row.get(0))
        .optional()?;
    Ok(Books::balance(&stored, &claims, next.unwrap_or(1) as u64))
}

/// How many numbers of the lane were said to be missing.
pub(super) fn open_gap(connection: &Connection, lane: Lane) -> Result<u64, StoreError> {
    let missing: Option<i64> = connection
        .prepare_cached("SELECT missing FROM gaps WHERE instance = ?1 AND lane = ?2")?
        .query_row(params![signed(lane.instance.0), lane.lane], |row| row.get(0))
        .optional()?;
    Ok(missing.unwrap_or(0) as u64)
}

/// Keeps what was said.
pub(super) fn set_gap(connection: &Connection, gap: &Gap) -> Result<(), StoreError> {
    let key = (signed(gap.lane.instance.0), gap.lane.lane);
    if gap.missing == 0 {
        connection
            .prepare_cached("DELETE FROM gaps WHERE instance = ?1 AND lane = ?2")?
            .execute(params![key.0, key.1])?;
        return Ok(());
    }
    connection
        .prepare_cached("INSERT OR REPLACE INTO gaps (instance, lane, missing) VALUES (?1, ?2, ?3)")?
        .execute(params![key.0, key.1, gap.missing as i64])?;
    Ok(())
}

fn stored_lane(row: &Row<'_>) -> rusqlite::Result<Lane> {
    let instance = InstanceId(u64::from_ne_bytes(row.get::<_, i64>(0)?.to_ne_bytes()));
    Ok(Lane { instance, lane: row.get(1)? })
}

/// Lanes of known bus starts that have a hole: to be looked at after a start.
pub(super) fn lanes_with_holes(connection: &Connection) -> Result<HashSet<Lane>, StoreError> {
    let mut find = connection.prepare(
        "SELECT l.instance, l.lane FROM lanes l JOIN producers p ON p.instance = l.instance \
         WHERE p.source IS NOT NULL GROUP BY l.instance, l.lane HAVING count(*) > 1 OR min(l.first) > 1 \
         UNION SELECT m.instance, m.lane FROM marks m WHERE m.next > 1 + coalesce( \
         (SELECT max(l.last) FROM lanes l WHERE l.instance = m.instance AND l.lane = m.lane), 0) LIMIT ?1",
    )?;
    let lanes = find.query_map([UNSETTLED_MAX as i64], stored_lane)?.collect::<Result<_, _>>()?;
    Ok(lanes)
}

/// The lanes of a bus start of which anything is known.
pub(super) fn lanes_of(connection: &Connection, instance: InstanceId) -> Result<Vec<Lane>, StoreError> {
    let mut find = connection.prepare_cached(
        "SELECT instance, lane FROM lanes WHERE instance = ?1 UNION SELECT instance, lane FROM marks \
         WHERE instance = ?1 UNION SELECT instance, lane FROM losses WHERE instance = ?1",
    )?;
    let lanes = find.query_map([signed(instance.0)], stored_lane)?.collect::<Result<_, _>>()?;
    Ok(lanes)
}
