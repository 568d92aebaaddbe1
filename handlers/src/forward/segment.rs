//! One file of a spool: a header of 64 bytes, then records; what is damaged is stepped over and named.

use std::path::{Path, PathBuf};

use veribus_core::fs::FsFile;
use veribus_core::{InstanceId, planted};

use super::record::{self, Found, Head, Kind, Place};

/// A segment is never longer than its limit by more than one batch of the largest events; a longer file is not read.
pub(crate) const SEGMENT_BYTES_MAX: u64 = 1024 * veribus_core::event::limits::EVENT_BYTES_MAX as u64;
/// Bytes of the header.
pub(crate) const HEADER: u64 = 64;
/// Of a segment so many bytes are read to know it: the header, and the record of its source.
pub(crate) const BEGIN_BYTES: u64 = HEADER + 64 * 1024;
const MAGIC: [u8; 8] = *b"veribusS";
/// The format that this side writes, and the newest it reads.
const VERSION: u16 = 1;

/// Where the segment before this one was left, as its process knew: what is behind that, in it or in segments between
/// the two, was given up and is written again here. The default says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Left {
    pub(crate) segment: u64,
    pub(crate) end: u64,
}

impl Left {
    /// As the record `Source` says it once more, for a header that is damaged.
    pub(crate) fn of(head: &Head) -> Self {
        Left { segment: head.time as u64, end: head.before }
    }
}

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Header {
    /// Sound, of this spool and number: the bus start of its events.
    Sound(InstanceId, Left),
    /// Of a newer format.
    Newer(u16),
    /// Damaged, of another spool, or not there. Records are checked by themselves.
    Damaged,
}

/// The name of a segment's file.
pub(crate) fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:016x}.seg"))
}

/// The number of a segment by the name of its file.
pub(crate) fn number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".seg").filter(|digits| digits.len() == 16)?;
    let lower = digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    lower.then(|| u64::from_str_radix(digits, 16).ok()).flatten()
}

/// The header of a new segment.
pub(crate) fn header(place: Place, instance: InstanceId, left: Left, created: i64) -> [u8; HEADER as usize] {
    let mut bytes = [0; HEADER as usize];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
    bytes[10..16].copy_from_slice(&left.end.to_le_bytes()[..6]);
    bytes[16..24].copy_from_slice(&place.spool.to_le_bytes());
    bytes[24..32].copy_from_slice(&place.segment.to_le_bytes());
    bytes[32..40].copy_from_slice(&instance.0.to_le_bytes());
    bytes[40..48].copy_from_slice(&created.to_le_bytes());
    bytes[48..56].copy_from_slice(&left.segment.to_le_bytes());
    let crc = crc32c::crc32c(&bytes[..60]);
    bytes[60..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// Reads a header; `bytes` may be short.
pub(crate) fn read_header(bytes: &[u8], place: Place) -> Header {
    let Some(bytes) = bytes.get(..HEADER as usize) else { return Header::Damaged };
    let eight = |at: usize| {
        let mut word = [0; 8];
        word.copy_from_slice(&bytes[at..at + 8]);
        u64::from_le_bytes(word)
    };
    let sound = bytes[..8] == MAGIC && crc32c::crc32c(&bytes[..60]).to_le_bytes() == bytes[60..];
    let version = u16::from_le_bytes([bytes[8], bytes[9]]);
    match sound {
        true if version > VERSION => Header::Newer(version),
        true if eight(16) == place.spool && eight(24) == place.segment => {
            let left = Left { segment: eight(48), end: eight(8) >> 16 };
            Header::Sound(InstanceId(eight(32)), left)
        }
        _ => Header::Damaged,
    }
}

/// The record `Source`, the first of a segment whose first bytes are `begin`.
pub(crate) fn source(begin: &[u8], place: Place) -> Option<(Head, &[u8])> {
    match record::read(begin.get(HEADER as usize..)?, place, HEADER) {
        Found::Record { head, payload, .. } if head.kind == Kind::Source => Some((head, payload)),
        _ => None,
    }
}

/// Reads the bytes of a file from `offset` to `end`, or to where the file ends before.
pub(crate) fn read_range(file: &dyn FsFile, offset: u64, end: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    read_on(file, offset, end, &mut bytes)?;
    Ok(bytes)
}

/// As [`read_range`], where `bytes` are from `offset` on already.
pub(crate) fn read_on(file: &dyn FsFile, offset: u64, end: u64, bytes: &mut Vec<u8>) -> std::io::Result<()> {
    let mut filled = bytes.len();
    let wanted = usize::try_from(end.saturating_sub(offset)).unwrap_or(0);
    bytes.resize(wanted.max(filled), 0);
    let result = loop {
        match file.read_at(offset + filled as u64, &mut bytes[filled..]) {
            Ok(0) => break Ok(()),
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => break Err(error),
        }
    };
    bytes.truncate(filled);
    result
}

/// One step through a segment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    /// A sound record.
    Record { head: Head, payload: &'a [u8] },
    /// Bytes that are no record; the lane and sequence of an event that was among them, where one is known.
    Damage { from: u64, to: u64, named: Option<u64> },
}

/// Steps through bytes of a segment up to its end.
pub(crate) struct Walk<'a> {
    bytes: &'a [u8],
    place: Place,
    /// Where `bytes` begin in the segment.
    base: u64,
    at: usize,
    /// The last event seen or named, to know what a damaged header was.
    last: u64,
}

impl<'a> Walk<'a> {
    /// Steps through `bytes`, which stand at `base`; `last` is the event before them, 0 for none.
    pub(crate) fn new(bytes: &'a [u8], place: Place, base: u64, last: u64) -> Self {
        Walk { bytes, place, base, at: 0, last }
    }

    /// Where the next step begins.
    pub(crate) fn offset(&self) -> u64 {
        self.base + self.at as u64
    }

    /// The last event seen or named.
    pub(crate) fn last_key(&self) -> u64 {
        self.last
    }

    fn found(&self, at: usize) -> Found<'a> {
        record::read(&self.bytes[at..], self.place, self.base + at as u64)
    }

    fn saw(&mut self, head: &Head) {
        if head.key != 0 {
            self.last = head.key;
        }
    }

    /// The next place after `at` where a sound header stands.
    fn resynchronise(&self, at: usize) -> Option<(usize, Head)> {
        (at + 1..self.bytes.len()).find_map(|at| match self.found(at) {
            Found::Record { head, .. } | Found::Broken { head, .. } => Some((at, head)),
            Found::Nothing => None,
        })
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Step<'a>;

    fn next(&mut self) -> Option<Step<'a>> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let from = self.offset();
        let broken = match self.found(self.at) {
            Found::Record { head, payload, bytes } => {
                self.at += bytes;
                self.saw(&head);
                return Some(Step::Record { head, payload });
            }
            Found::Broken { head, .. } => Some(head),
            Found::Nothing => None,
        };
        let next = self.resynchronise(self.at).filter(|_| !planted!("stop-at-damage"));
        self.at = next.map_or(self.bytes.len(), |(at, _)| at);
        let named = match (broken, next) {
            (Some(head), _) => Some(head.key),
            (None, Some((_, next))) => Some(next.before).filter(|before| *before != self.last),
            (None, None) => None,
        };
        let named = named.filter(|key| *key != 0);
        self.last = named.unwrap_or(self.last);
        Some(Step::Damage { from, to: self.offset(), named })
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::write;
    use super::*;

    const PLACE: Place = Place { spool: 7, segment: 1 };

    fn records(count: u64) -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut begins) = (Vec::new(), Vec::new());
        for seq in 1..=count {
            begins.push(bytes.len());
            let head = Head { kind: Kind::Event, flags: 0, key: seq, time: 0, before: seq - 1 };
            let offset = HEADER + bytes.len() as u64;
            write(&mut bytes, PLACE, offset, &head, b"an event");
        }
        (bytes, begins)
    }

    #[test]
    fn any_flipped_bit_in_the_middle_costs_one_record_and_names_it() {
        let (bytes, begins) = records(3);
        for bit in begins[1] * 8..begins[2] * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let (mut seen, mut named) = (Vec::new(), Vec::new());
            for step in Walk::new(&bytes, PLACE, HEADER, 0) {
                match step {
                    Step::Record { head, .. } => seen.push(head.key),
                    Step::Damage { named: key, .. } => named.extend(key),
                }
            }
            assert_eq!((seen, named), (vec![1, 3], vec![2]), "bit {bit}");
        }
    }

    #[test]
    fn a_header_speaks_for_its_own_place_and_version() {
        let left = Left { segment: 6, end: 0xfedc_ba98_7654 };
        let bytes = header(PLACE, InstanceId(9), left, 5);
        assert_eq!(read_header(&bytes, PLACE), Header::Sound(InstanceId(9), left));
        assert_eq!(read_header(&bytes, Place { segment: 2, ..PLACE }), Header::Damaged);
        assert_eq!(read_header(&bytes[..63], PLACE), Header::Damaged);
        let mut newer = bytes;
        newer[8] = 2;
        let crc = crc32c::crc32c(&newer[..60]);
        newer[60..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(read_header(&newer, PLACE), Header::Newer(2));
    }

    #[test]
    fn only_sixteen_lower_case_digits_are_a_segment() {
        assert_eq!(number("000000000000000a.seg"), Some(10));
        for name in ["a.seg", "000000000000000A.seg", "+00000000000000a.seg", "000000000000000a", "../0.seg"]
        {
            assert_eq!(number(name), None, "{name}");
        }
    }
}
