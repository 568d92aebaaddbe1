//! Reads the spools of a directory without changing or locking anything: what waits in each, and what is damaged.

use std::path::{Path, PathBuf};

use veribus_core::fs::{EntryKind, Fs, OpenHow};

use super::super::adopt::spool_id;
use super::super::cursor::{CursorFile, Position};
use super::super::error::ForwardError;
use super::super::record::{Kind, Place};
use super::super::segment::{self, HEADER, Header, SEGMENT_BYTES_MAX, Step, Walk};

/// What one spool holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SpoolCheck {
    /// Its directory.
    pub path: PathBuf,
    /// Its segments.
    pub segments: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Events without a receipt.
    pub pending: u64,
    /// Bytes behind the last sound record: what a crash, or a process that is writing now, leaves.
    pub tail_bytes: u64,
    /// Bytes elsewhere that are no record.
    pub damaged_bytes: u64,
    /// Files that cannot be read, and why.
    pub unreadable: Vec<String>,
}

impl SpoolCheck {
    /// Whether nothing is wrong but what a crash leaves.
    pub fn is_sound(&self) -> bool {
        self.damaged_bytes == 0 && self.unreadable.is_empty()
    }
}

/// Checks every spool in `root`, the directory of [`SpoolSettings::dir`](crate::forward::SpoolSettings::dir).
///
/// # Errors
/// [`ForwardError::Io`] if `root` cannot be listed; what is wrong inside is in the answer.
pub fn check(fs: &dyn Fs, root: &Path) -> Result<Vec<SpoolCheck>, ForwardError> {
    let mut entries = fs.list(root).map_err(ForwardError::io("list", root))?;
    entries.sort();
    let spools = entries.iter().filter(|entry| entry.kind == EntryKind::Directory);
    Ok(spools.filter_map(|entry| Some(one(fs, root.join(&entry.name), spool_id(&entry.name)?))).collect())
}

fn one(fs: &dyn Fs, path: PathBuf, id: u64) -> SpoolCheck {
    let mut found = SpoolCheck { path, ..SpoolCheck::default() };
    let entries = match fs.list(&found.path) {
        Ok(entries) => entries,
        Err(error) => {
            found.unreadable.push(error.to_string());
            return found;
        }
    };
    let cursor = CursorFile::new(&found.path, id).read(fs).unwrap_or_else(|error| {
        found.unreadable.push(format!("cursor: {error}"));
        None
    });
    let mut segments: Vec<_> =
        entries.iter().filter_map(|entry| Some((segment::number(&entry.name)?, entry.kind))).collect();
    segments.sort_unstable();
    let last = segments.last().map(|(number, _)| *number);
    for (number, kind) in segments {
        let place = Place { spool: id, segment: number };
        let read = read(fs, &found.path, place, kind);
        match read {
            Ok(bytes) => count(&mut found, &bytes, place, cursor.unwrap_or_default(), last == Some(number)),
            Err(why) => found.unreadable.push(format!("{number:016x}.seg: {why}")),
        }
    }
    found
}

/// A segment as it is; an error says why it cannot be read.
pub(super) fn read(fs: &dyn Fs, dir: &Path, place: Place, kind: EntryKind) -> Result<Vec<u8>, String> {
    let bytes = match kind {
        EntryKind::File(bytes) if bytes <= SEGMENT_BYTES_MAX => bytes,
        EntryKind::File(bytes) => return Err(format!("{bytes} bytes are more than a segment has")),
        EntryKind::Directory | EntryKind::Other => return Err("it is no ordinary file".to_owned()),
    };
    let file = fs.open(&segment::path(dir, place.segment), OpenHow::Read);
    let bytes = file.and_then(|file| segment::read_range(&*file, 0, bytes)).map_err(|e| e.to_string())?;
    match segment::read_header(&bytes, place) {
        Header::Newer(version) => Err(format!("it is of format {version}, newer than this program")),
        Header::Sound(..) | Header::Damaged => Ok(bytes),
    }
}

fn count(found: &mut SpoolCheck, bytes: &[u8], place: Place, cursor: Position, last: bool) {
    found.segments += 1;
    found.bytes += bytes.len() as u64;
    let end = bytes.len() as u64;
    let header_is_sound = matches!(segment::read_header(bytes, place), Header::Sound(..));
    if !header_is_sound && end >= HEADER {
        found.damaged_bytes += HEADER;
    } else if end < HEADER {
        found.tail_bytes += end;
    }
    let mut walk = Walk::new(bytes.get(HEADER as usize..).unwrap_or_default(), place, HEADER, 0);
    let mut begin = walk.offset();
    while let Some(step) = walk.next() {
        match step {
            Step::Record { head, .. } => {
                let waits = Position { segment: place.segment, offset: begin } >= cursor;
                found.pending += u64::from(waits && head.kind == Kind::Event);
            }
            Step::Damage { from, to, .. } if last && to == end => found.tail_bytes += to - from,
            Step::Damage { from, to, .. } => found.damaged_bytes += to - from,
        }
        begin = walk.offset();
    }
}
