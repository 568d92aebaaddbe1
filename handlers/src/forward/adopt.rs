//! A spool whose lock is free belongs to a process that is gone: its events are sent under its own identity.

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;

use veribus_core::fs::{EntryKind, Fs, Locking, OpenHow};
use veribus_core::planted;

use super::record::Place;
use super::segment::{self, BEGIN_BYTES, Header, Left, SEGMENT_BYTES_MAX};
use super::spool::{Segment, Spool};

/// What looking for orphans found.
#[derive(Debug, Default)]
pub(crate) struct Orphans {
    /// Taken over: this process holds their locks.
    pub(crate) spools: Vec<Spool>,
    /// Left as they are, and why.
    pub(crate) set_aside: Vec<String>,
}

/// The id of a spool by the name of its directory.
pub(crate) fn spool_id(name: &str) -> Option<u64> {
    segment::number(&format!("{name}.seg"))
}

/// Looks beside `own` for spools that nobody holds. `known` are those that were taken before.
pub(crate) fn adopt(own: &Spool, known: &BTreeSet<u64>) -> Orphans {
    let mut orphans = Orphans::default();
    let Some(root) = own.dir.parent() else { return orphans };
    let mut names = own.fs.list(root).unwrap_or_default();
    names.sort();
    for entry in names {
        let Some(id) = spool_id(&entry.name).filter(|id| *id != own.id && !known.contains(id)) else {
            continue;
        };
        let dir = root.join(&entry.name);
        match one(own, &dir, id) {
            Ok(Some(spool)) => orphans.spools.push(spool),
            Ok(None) => {}
            Err(why) => orphans.set_aside.push(format!("{}: {why}", dir.display())),
        }
    }
    orphans
}

fn one(own: &Spool, dir: &Path, id: u64) -> Result<Option<Spool>, String> {
    let said = |error: std::io::Error| error.to_string();
    own.fs.create_dir(dir).map_err(said)?;
    let lock = match own.fs.lock(&dir.join("lock")).map_err(said)? {
        Locking::Held(_) => return Ok(None),
        Locking::Taken(lock) => lock,
    };
    let segments = segments(&*own.fs, dir, id, Strangers::Refused)?;
    Ok(Some(Spool::adopt(dir.to_owned(), id, segments, own, lock)))
}

/// What to do about something that has a segment's name and is no ordinary file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strangers {
    /// The spool is not touched.
    Refused,
    /// It is as if it were not there.
    PassedOver,
}

/// The segments of a spool whose lock is held here, oldest first, without what was given up; an error says why they
/// cannot be used.
pub(crate) fn segments(
    fs: &dyn Fs,
    dir: &Path,
    id: u64,
    strangers: Strangers,
) -> Result<VecDeque<Segment>, String> {
    let said = |error: std::io::Error| error.to_string();
    let (mut segments, mut lefts) = (Vec::new(), Vec::new());
    for entry in fs.list(dir).map_err(said)? {
        let Some(number) = segment::number(&entry.name) else { continue };
        let bytes = match (entry.kind, strangers) {
            (EntryKind::File(bytes), _) if bytes > SEGMENT_BYTES_MAX => {
                return Err(format!("{} has {bytes} bytes, {SEGMENT_BYTES_MAX} are the most", entry.name));
            }
            (EntryKind::File(bytes), _) => bytes,
            (_, Strangers::PassedOver) => continue,
            (_, Strangers::Refused) => return Err(format!("{} is no ordinary file", entry.name)),
        };
        let file = fs.open(&dir.join(&entry.name), OpenHow::Read).map_err(said)?;
        let begin = segment::read_range(&*file, 0, bytes.min(BEGIN_BYTES)).map_err(said)?;
        let place = Place { spool: id, segment: number };
        let (instance, left) = match segment::read_header(&begin, place) {
            Header::Newer(version) => {
                return Err(format!("{} is of format {version}, newer than this program", entry.name));
            }
            Header::Sound(instance, left) => (Some(instance), left),
            Header::Damaged => {
                (None, segment::source(&begin, place).map(|(head, _)| Left::of(&head)).unwrap_or_default())
            }
        };
        segments.push(Segment { number, bytes, instance });
        lefts.push((number, left));
    }
    segments.sort_by_key(|segment| segment.number);
    // Where a segment's beginning is damaged, the others say whose events these are, if they agree.
    let instances: BTreeSet<_> = segments.iter().filter_map(|segment| segment.instance).collect();
    if let (1, Some(instance)) = (instances.len(), instances.first().copied()) {
        segments.iter_mut().for_each(|segment| segment.instance = Some(instance));
    }
    if !planted!("read-what-was-given-up") {
        given_up(&mut segments, &lefts);
    }
    Ok(VecDeque::from(segments))
}

/// What a process gave up, after a sync or a write that failed, it wrote again further on. Of such a part some may have
/// reached the disk, and read first it would overtake what is missing of it.
fn given_up(segments: &mut [Segment], lefts: &[(u64, Left)]) {
    for (number, left) in lefts.iter().filter(|(_, left)| *left != Left::default()) {
        for segment in segments.iter_mut().filter(|s| (left.segment..*number).contains(&s.number)) {
            let end = if segment.number == left.segment { left.end } else { 0 };
            segment.bytes = segment.bytes.min(end);
        }
    }
}
