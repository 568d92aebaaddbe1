//! Which sequence numbers of which lanes are stored: exact, with no window of time.
//!
//! Each (instance, lane) is a set of intervals in the table `lanes`: one contiguous run from the start, and islands
//! above it while something is missing. The run a lane is growing is kept in memory and written once a transaction.

use std::collections::HashMap;

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use veribus_core::{EventId, planted};

/// Lanes whose growing run is kept in memory; beyond it the memory is emptied and read again.
const LANES_MAX: usize = 4_096;

/// The run in which a lane last grew.
#[derive(Debug, Clone, Copy)]
struct Run {
    first: u64,
    last: u64,
    /// Where the next island above begins; `u64::MAX` if there is none.
    next: u64,
    /// `last` as the table has it; 0 for a run that is not in the table yet.
    written: u64,
}

/// Runs of lanes between transactions; forgotten when a transaction is not committed.
#[derive(Debug, Default)]
pub(super) struct LaneCache {
    runs: HashMap<(u64, u16), Run>,
    dirty: Vec<(u64, u16)>,
}

/// The lanes within one transaction.
pub(super) struct Lanes<'t> {
    cache: &'t mut LaneCache,
    below: CachedStatement<'t>,
    above: CachedStatement<'t>,
    insert: CachedStatement<'t>,
    grow: CachedStatement<'t>,
    remove: CachedStatement<'t>,
    /// Lanes that got a new interval or lost one: those that may have a hole now, or no more.
    uneven: Vec<(u64, u16)>,
    committed: bool,
}

impl<'t> Lanes<'t> {
    pub(super) fn new(connection: &'t Connection, cache: &'t mut LaneCache) -> rusqlite::Result<Self> {
        let prepare = |sql| connection.prepare_cached(sql);
        Ok(Lanes {
            below: prepare(
                "SELECT first, last FROM lanes WHERE instance = ?1 AND lane = ?2 AND first <= ?3 ORDER BY first DESC LIMIT 1",
            )?,
            above: prepare(
                "SELECT first FROM lanes WHERE instance = ?1 AND lane = ?2 AND first > ?3 ORDER BY first LIMIT 1",
            )?,
            insert: prepare("INSERT INTO lanes (instance, lane, first, last) VALUES (?1, ?2, ?3, ?4)")?,
            grow: prepare("UPDATE lanes SET last = ?4 WHERE instance = ?1 AND lane = ?2 AND first = ?3")?,
            remove: prepare(
                "DELETE FROM lanes WHERE instance = ?1 AND lane = ?2 AND first = ?3 RETURNING last",
            )?,
            cache,
            uneven: Vec::new(),
            committed: false,
        })
    }

    /// Lanes since the last call in which more happened than growing at the end.
    pub(super) fn take_uneven(&mut self) -> Vec<(u64, u16)> {
        std::mem::take(&mut self.uneven)
    }

    /// The transaction was committed: what is in memory is what is in the table.
    pub(super) fn keep(mut self) {
        self.committed = true;
    }

    /// Takes `id` into the set; `false` if it was in it already.
    pub(super) fn insert(&mut self, id: EventId) -> rusqlite::Result<bool> {
        let (key, seq) = ((id.instance().0, id.lane()), id.seq());
        if let Some(run) = self.cache.runs.get_mut(&key) {
            if seq >= run.first && seq <= run.last {
                return Ok(false);
            }
            if seq == run.last + 1 && seq + 1 < run.next {
                if run.last == run.written {
                    self.cache.dirty.push(key);
                }
                run.last = seq;
                return Ok(true);
            }
        }
        self.write_run(key)?;
        self.insert_slowly(key, seq)
    }

    /// Writes every run that has grown.
    pub(super) fn write(&mut self) -> rusqlite::Result<()> {
        for key in std::mem::take(&mut self.cache.dirty) {
            self.write_run(key)?;
        }
        Ok(())
    }

    fn write_run(&mut self, key: (u64, u16)) -> rusqlite::Result<()> {
        let Some(run) = self.cache.runs.get_mut(&key) else { return Ok(()) };
        if run.last != run.written && !planted!("forget-what-is-stored") {
            self.grow.execute(params![signed(key.0), key.1, run.first as i64, run.last as i64])?;
            run.written = run.last;
        }
        Ok(())
    }

    /// Finds the neighbours of `seq` in the table, joins what touches, and keeps the run that results.
    fn insert_slowly(&mut self, key: (u64, u16), seq: u64) -> rusqlite::Result<bool> {
        if self.uneven.last() != Some(&key) {
            self.uneven.push(key);
        }
        let (instance, lane, at) = (signed(key.0), key.1, seq as i64);
        let place = params![instance, lane, at];
        let below: Option<(i64, i64)> =
            self.below.query_row(place, |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        if below.is_some_and(|(_, last)| last >= at) {
            return Ok(false);
        }
        let mut next: Option<i64> = self.above.query_row(place, |row| row.get(0)).optional()?;
        let mut last = at;
        if next == Some(at + 1) {
            last = self.remove.query_row(params![instance, lane, at + 1], |row| row.get(0))?;
            next = self.above.query_row(params![instance, lane, last], |row| row.get(0)).optional()?;
        }
        let first = match below {
            Some((first, end)) if end + 1 == at => {
                self.grow.execute(params![instance, lane, first, last])?;
                first
            }
            _ => {
                self.insert.execute(params![instance, lane, at, last])?;
                at
            }
        };
        if self.cache.runs.len() >= LANES_MAX && !self.cache.runs.contains_key(&key) {
            self.write()?;
            self.cache.runs.clear();
        }
        let run = Run {
            first: first as u64,
            last: last as u64,
            next: next.map_or(u64::MAX, |n| n as u64),
            written: last as u64,
        };
        self.cache.runs.insert(key, run);
        Ok(true)
    }
}

impl Drop for Lanes<'_> {
    fn drop(&mut self) {
        if !self.committed && !planted!("keep-what-was-not-committed") {
            *self.cache = LaneCache::default();
        }
    }
}

/// The 64 bits as SQLite's signed integer.
pub(super) fn signed(instance: u64) -> i64 {
    i64::from_ne_bytes(instance.to_ne_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use veribus_core::InstanceId;

    fn intervals(connection: &Connection) -> Vec<(i64, i64)> {
        let mut all = connection.prepare("SELECT first, last FROM lanes ORDER BY first").unwrap();
        all.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn any_order_gives_the_same_intervals_as_a_plain_set() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..200 {
            let mut connection = Connection::open_in_memory().unwrap();
            super::super::schema::prepare(&mut connection).unwrap();
            let (mut cache, mut model) = (LaneCache::default(), BTreeSet::new());
            for step in 0..120 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let seq = if step % 3 == 0 { model.len() as u64 + 1 } else { state >> 40 & 63 };
                if seq == 0 {
                    continue;
                }
                let mut lanes = Lanes::new(&connection, &mut cache).unwrap();
                let new = lanes.insert(EventId::new(InstanceId(u64::MAX), 3, seq)).unwrap();
                lanes.write().unwrap();
                if step % 17 != 0 {
                    lanes.keep();
                }
                assert_eq!(new, model.insert(seq), "seq {seq}");
            }
            let mut expected: Vec<(i64, i64)> = Vec::new();
            for seq in model {
                match expected.last_mut() {
                    Some((_, last)) if *last + 1 == seq as i64 => *last += 1,
                    _ => expected.push((seq as i64, seq as i64)),
                }
            }
            assert_eq!(intervals(&connection), expected);
        }
    }
}
