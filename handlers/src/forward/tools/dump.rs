//! Shows what is in the spools of a directory, record by record, without changing or locking anything.

use std::path::Path;

use veribus_core::codec::{Batch, JoinedBatch};
use veribus_core::fs::{EntryKind, Fs};
use veribus_core::{EventId, InstanceId, LaneMark, LossRecord, Source, Timestamp, VerificationEvent};

use super::super::adopt::spool_id;
use super::super::cursor::{CursorFile, Position};
use super::super::error::ForwardError;
use super::super::record::{Head, Kind, Place};
use super::super::segment::{self, HEADER, Header, Step, Walk};
use super::check::read;

/// One thing that was found in a spool.
#[derive(Debug)]
#[non_exhaustive]
pub struct SpoolEntry<'a> {
    /// The spool's directory.
    pub spool: &'a Path,
    /// The number of the segment.
    pub segment: u64,
    /// Where it begins in the segment, in bytes.
    pub offset: u64,
    /// Whether it waits for a receipt; the others wait for their segment to be removed.
    pub waits: bool,
    /// What it is.
    pub found: SpoolFound,
}

/// What stands at a place of a spool.
#[derive(Debug)]
#[non_exhaustive]
pub enum SpoolFound {
    /// An event.
    Event {
        /// When it was spooled.
        at: Timestamp,
        /// Itself.
        event: Box<VerificationEvent>,
    },
    /// Losses and lane marks of a bus start.
    Account {
        /// Which.
        instance: InstanceId,
        /// Numbers that are lost, and why.
        losses: Vec<LossRecord>,
        /// How far lanes have come.
        lanes: Vec<LaneMark>,
    },
    /// Bytes that are no record.
    Damage {
        /// How many.
        bytes: u64,
        /// The event that was among them, where that is known.
        event: Option<EventId>,
    },
    /// A file that cannot be read, and why.
    Unreadable(String),
}

/// Gives everything in the spools of `root` to `each`, oldest first, until it says stop with `false`.
///
/// # Errors
/// [`ForwardError::Io`] if `root` cannot be listed; what is wrong inside is given to `each`.
pub fn dump(
    fs: &dyn Fs,
    root: &Path,
    each: &mut dyn FnMut(SpoolEntry<'_>) -> bool,
) -> Result<(), ForwardError> {
    let mut entries = fs.list(root).map_err(ForwardError::io("list", root))?;
    entries.sort();
    for entry in entries.iter().filter(|entry| entry.kind == EntryKind::Directory) {
        let Some(id) = spool_id(&entry.name) else { continue };
        if !one(fs, &root.join(&entry.name), id, each) {
            break;
        }
    }
    Ok(())
}

fn one(fs: &dyn Fs, dir: &Path, id: u64, each: &mut dyn FnMut(SpoolEntry<'_>) -> bool) -> bool {
    let strange = |why: String, segment, each: &mut dyn FnMut(SpoolEntry<'_>) -> bool| {
        each(SpoolEntry { spool: dir, segment, offset: 0, waits: false, found: SpoolFound::Unreadable(why) })
    };
    let entries = match fs.list(dir) {
        Ok(entries) => entries,
        Err(error) => return strange(error.to_string(), 0, each),
    };
    // An unreadable cursor means that everything is sent again.
    let cursor = CursorFile::new(dir, id).read(fs).ok().flatten().unwrap_or_default();
    let mut segments: Vec<_> =
        entries.iter().filter_map(|entry| Some((segment::number(&entry.name)?, entry.kind))).collect();
    segments.sort_unstable();
    for (number, kind) in segments {
        let place = Place { spool: id, segment: number };
        let go_on = match read(fs, dir, place, kind) {
            Ok(bytes) => records(dir, &bytes, place, cursor, each),
            Err(why) => strange(why, number, each),
        };
        if !go_on {
            return false;
        }
    }
    true
}

fn records(
    dir: &Path,
    bytes: &[u8],
    place: Place,
    cursor: Position,
    each: &mut dyn FnMut(SpoolEntry<'_>) -> bool,
) -> bool {
    let mut instance = match segment::read_header(bytes, place) {
        Header::Sound(instance, _) => Some(instance),
        Header::Newer(_) | Header::Damaged => None,
    };
    let mut walk = Walk::new(bytes.get(HEADER as usize..).unwrap_or_default(), place, HEADER, 0);
    let mut offset = walk.offset();
    while let Some(step) = walk.next() {
        let found = match step {
            Step::Record { head, payload } if head.kind == Kind::Source => {
                let said = Batch::decode_msgpack(payload).ok().and_then(|batch| batch.instance);
                instance = instance.or(said);
                None
            }
            Step::Record { head, payload } => Some(record(&head, payload, instance)),
            Step::Damage { from, to, named } => {
                let event = named.zip(instance).map(|(key, instance)| id_of(instance, key));
                Some(SpoolFound::Damage { bytes: to - from, event })
            }
        };
        if let Some(found) = found {
            let waits = Position { segment: place.segment, offset } >= cursor;
            if !each(SpoolEntry { spool: dir, segment: place.segment, offset, waits, found }) {
                return false;
            }
        }
        offset = walk.offset();
    }
    true
}

fn record(head: &Head, payload: &[u8], instance: Option<InstanceId>) -> SpoolFound {
    let damage = || SpoolFound::Damage { bytes: payload.len() as u64, event: None };
    match (head.kind, instance) {
        (Kind::Event, Some(instance)) => match event(id_of(instance, head.key), payload) {
            Some(event) => SpoolFound::Event { at: Timestamp::from_nanos(head.time), event: Box::new(event) },
            None => damage(),
        },
        (Kind::Account, _) => match Batch::decode_msgpack(payload) {
            Ok(Batch { instance: Some(instance), losses, lanes, .. }) => {
                SpoolFound::Account { instance, losses, lanes }
            }
            _ => damage(),
        },
        _ => damage(),
    }
}

fn id_of(instance: InstanceId, key: u64) -> EventId {
    EventId::new(instance, (key >> 48) as u16, key & EventId::SEQ_MAX)
}

/// An event as the collector will read it: its bytes hold all but its identity.
fn event(id: EventId, payload: &[u8]) -> Option<VerificationEvent> {
    let (source, instance, ids) = (Source::new("spool"), id.instance(), [id]);
    let batch =
        JoinedBatch { source: &source, instance, ids: &ids, events: payload, losses: &[], lanes: &[] };
    let mut bytes = Vec::new();
    batch.encode_msgpack(&mut bytes).ok()?;
    Batch::decode_msgpack(&bytes).ok()?.events.pop()
}
