//! What became of everything that each bus start published: stored, lost with a reason, pending, or a gap.

use std::collections::BTreeMap;

use rusqlite::Row;
use serde::{Deserialize, Serialize};
use veribus_core::{InstanceId, Timestamp};

use super::ledger::{self, Lane};
use super::record::source_from_json;
use super::{LettersHeld, Reader, StoreError, schema};

/// Holes of one producer that are listed; the sums are of all.
const HOLES_SHOWN: usize = 100;

/// The books of the producers that were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Accounting {
    /// The newest first.
    pub producers: Vec<ProducerAccount>,
    /// Parcels that could not be read and are kept: whose events they hold is not known.
    #[serde(default)]
    pub dead_letters: LettersHeld,
}

/// The books of one bus start: `given = stored once + lost + pending + missing`, for every lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProducerAccount {
    /// The bus start: 16 hexadecimal digits.
    pub instance: String,
    /// The service, if the bus start itself said so; events without ids are numbered by the collector and have none.
    pub service: Option<String>,
    /// When its first batch came, RFC 3339.
    pub first_at: String,
    /// When its last batch came.
    pub last_at: String,
    /// Events that came, however often.
    pub received: u64,
    /// Events stored.
    pub stored: u64,
    /// Events that came again and were removed.
    pub duplicates: u64,
    /// Events refused because their id has another content.
    pub conflicts: u64,
    /// Numbers that will never come, by reason.
    pub lost: BTreeMap<String, u64>,
    /// Numbers on their way: given, not here, not explained, and not for long.
    pub pending: u64,
    /// Numbers that nobody explained in time: a gap.
    pub missing: u64,
    /// Loss records that claim numbers that are stored or were never given.
    pub suspicious: u64,
    /// Ranges of numbers that are not stored, at most 100.
    pub holes: Vec<ShownHole>,
}

/// Consecutive numbers that are not stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownHole {
    /// The lane.
    pub lane: u16,
    /// The first number.
    pub first_seq: u64,
    /// The last number.
    pub last_seq: u64,
    /// Why, if the sender says so.
    pub reason: Option<String>,
}

impl Reader {
    /// The books of `only`, or of the `most` producers that sent last.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`], [`StoreError::Record`].
    pub fn accounting(&self, only: Option<InstanceId>, most: u32) -> Result<Accounting, StoreError> {
        if schema::version(self.connection())? < schema::LEDGER_SINCE {
            return Ok(Accounting::default());
        }
        let mut find = self.connection().prepare_cached(
            "SELECT p.instance, s.fields, p.first_at, p.last_at, p.stored, p.duplicates, p.conflicts \
             FROM producers p LEFT JOIN sources s ON s.id = p.source WHERE ?1 IS NULL OR p.instance = ?1 \
             ORDER BY p.last_at DESC, p.instance LIMIT ?2",
        )?;
        let wanted = only.map(|instance| i64::from_ne_bytes(instance.0.to_ne_bytes()));
        let mut rows = find.query((wanted, most))?;
        let mut accounting = Accounting { dead_letters: self.letters_held()?, ..Accounting::default() };
        while let Some(row) = rows.next()? {
            let (instance, mut producer) = read(row)?;
            // Numbers that no bus start vouches for may never have been given: they have no holes.
            if producer.service.is_some() {
                for lane in ledger::lanes_of(self.connection(), instance)? {
                    self.add_lane(&mut producer, lane)?;
                }
            }
            accounting.producers.push(producer);
        }
        Ok(accounting)
    }

    fn add_lane(&self, producer: &mut ProducerAccount, lane: Lane) -> Result<(), StoreError> {
        let books = ledger::books(self.connection(), lane)?;
        let unexplained = books.unexplained();
        let missing = ledger::open_gap(self.connection(), lane)?.min(unexplained);
        producer.missing += missing;
        producer.pending += unexplained - missing;
        producer.suspicious += books.suspicious.len() as u64;
        for hole in &books.holes {
            if let Some(reason) = hole.reason {
                *producer.lost.entry(reason.as_str().to_owned()).or_default() += hole.len();
            }
            if producer.holes.len() < HOLES_SHOWN {
                producer.holes.push(ShownHole {
                    lane: lane.lane,
                    first_seq: hole.first,
                    last_seq: hole.last,
                    reason: hole.reason.map(|reason| reason.as_str().to_owned()),
                });
            }
        }
        Ok(())
    }
}

fn read(row: &Row<'_>) -> Result<(InstanceId, ProducerAccount), StoreError> {
    let instance = InstanceId(u64::from_ne_bytes(row.get::<_, i64>(0)?.to_ne_bytes()));
    let fields: Option<String> = row.get(1)?;
    let source = fields.map(|fields| source_from_json(&fields)).transpose();
    let source = source.map_err(|source| StoreError::Record { ingest: 0, source })?;
    let time = |column| row.get(column).map(|nanos| Timestamp::from_nanos(nanos).to_string());
    let count = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
    let (stored, duplicates, conflicts) = (count(4)?, count(5)?, count(6)?);
    let producer = ProducerAccount {
        instance: instance.to_string(),
        service: source.map(|source| source.service.to_string()),
        first_at: time(2)?,
        last_at: time(3)?,
        received: stored + duplicates + conflicts,
        stored,
        duplicates,
        conflicts,
        lost: BTreeMap::new(),
        pending: 0,
        missing: 0,
        suspicious: 0,
        holes: Vec::new(),
    };
    Ok((instance, producer))
}
