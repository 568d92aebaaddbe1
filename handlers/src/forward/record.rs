//! One record of a segment: its checksum covers content *and* position, so that a stale or misplaced block is no record.
//!
//! ```text
//!  0  len u24 · tag u8      bytes of the payload; kind in the low half of the tag, flags in the high one
//!  4  lane u16 · seq u48    of an event; else 0
//! 12  time i64              nanoseconds UTC when it was spooled
//! 20  before u64            lane and sequence of the last event before it in the segment, else 0
//! 28  crc32c u32            of spool id, segment number, offset and the bytes above
//! 32  payload
//!     crc32c u32            continued over bytes 28 to the end of the payload
//! ```
//! Little-endian. A broken payload under a sound header names the event that it was; a broken header is named by the
//! `before` of the next. In a record of the kind `Source`, `time` is the number of the segment that its process left for
//! this one, and `before` is where that one ends.

use veribus_core::event::limits::EVENT_BYTES_MAX;
use veribus_core::planted;

/// Bytes around a payload.
pub(crate) const OVERHEAD: usize = HEAD + 4;
const HEAD: usize = 32;
/// No payload is longer: an event's limit, with room for what is around it.
pub(crate) const PAYLOAD_MAX: usize = EVENT_BYTES_MAX + 64 * 1024;

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An event, as MessagePack without its id.
    Event = 1,
    /// The sender, as an empty MessagePack batch with its source and instance.
    Source = 2,
    /// Losses and lane marks, as a MessagePack batch without events.
    Account = 3,
}

/// Flag: never expires.
pub(crate) const DURABLE: u8 = 1;

/// Which segment a record stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) spool: u64,
    pub(crate) segment: u64,
}

/// The header of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) kind: Kind,
    pub(crate) flags: u8,
    /// Lane in the upper 16 bits, sequence in the lower 48.
    pub(crate) key: u64,
    pub(crate) time: i64,
    pub(crate) before: u64,
}

/// What stands at an offset.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// A sound record; `bytes` long in all.
    Record { head: Head, payload: &'a [u8], bytes: usize },
    /// A sound header of a payload that is broken or cut off.
    Broken { head: Head, bytes: usize },
    /// No header.
    Nothing,
}

fn word<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut word = [0; N];
    word.copy_from_slice(&bytes[at..at + N]);
    word
}

fn seed(place: Place, offset: u64) -> u32 {
    let mut position = [0; 24];
    position[..8].copy_from_slice(&place.spool.to_le_bytes());
    position[8..16].copy_from_slice(&place.segment.to_le_bytes());
    position[16..].copy_from_slice(&offset.to_le_bytes());
    crc32c::crc32c(&position)
}

/// Appends a record that will stand at `offset`.
pub(crate) fn write(out: &mut Vec<u8>, place: Place, offset: u64, head: &Head, payload: &[u8]) {
    let begin = out.len();
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes()[..3]);
    out.push(head.kind as u8 | head.flags << 4);
    for word in [head.key, head.time as u64, head.before] {
        out.extend_from_slice(&word.to_le_bytes());
    }
    let crc = crc32c::crc32c_append(seed(place, offset), &out[begin..]);
    out.extend_from_slice(&crc.to_le_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c_append(crc, &out[begin + 28..]), payload);
    out.extend_from_slice(payload);
    out.extend_from_slice(&crc.to_le_bytes());
}

/// What stands at the beginning of `bytes`, which are at `offset` of their segment.
pub(crate) fn read(bytes: &[u8], place: Place, offset: u64) -> Found<'_> {
    if bytes.len() < HEAD {
        return Found::Nothing;
    }
    let length = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]) as usize;
    let kind = match bytes[3] & 15 {
        1 => Kind::Event,
        2 => Kind::Source,
        3 => Kind::Account,
        _ => return Found::Nothing,
    };
    let crc = crc32c::crc32c_append(seed(place, offset), &bytes[..28]);
    if length > PAYLOAD_MAX || crc.to_le_bytes() != bytes[28..32] {
        return Found::Nothing;
    }
    let head = Head {
        kind,
        flags: bytes[3] >> 4,
        key: u64::from_le_bytes(word(bytes, 4)),
        time: i64::from_le_bytes(word(bytes, 12)),
        before: u64::from_le_bytes(word(bytes, 20)),
    };
    let whole = OVERHEAD + length;
    if bytes.len() < whole {
        return Found::Broken { head, bytes: whole };
    }
    let crc = crc32c::crc32c_append(crc, &bytes[28..HEAD + length]);
    if crc.to_le_bytes() != bytes[HEAD + length..whole] && !planted!("ignore-the-checksum") {
        return Found::Broken { head, bytes: whole };
    }
    Found::Record { head, payload: &bytes[HEAD..HEAD + length], bytes: whole }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = Place { spool: 7, segment: 3 };

    fn head() -> Head {
        Head { kind: Kind::Event, flags: DURABLE, key: 1 << 48 | 9, time: -5, before: 1 << 48 | 8 }
    }

    #[test]
    fn a_record_is_sound_only_where_it_was_written() {
        let mut bytes = Vec::new();
        write(&mut bytes, PLACE, 64, &head(), b"payload");
        let all = bytes.len();
        assert_eq!(read(&bytes, PLACE, 64), Found::Record { head: head(), payload: b"payload", bytes: all });
        assert_eq!(read(&bytes, PLACE, 65), Found::Nothing);
        assert_eq!(read(&bytes, Place { segment: 4, ..PLACE }, 64), Found::Nothing);
        assert_eq!(read(&bytes, Place { spool: 8, ..PLACE }, 64), Found::Nothing);
        assert_eq!(read(&bytes[..all - 1], PLACE, 64), Found::Broken { head: head(), bytes: all });
    }

    #[test]
    fn no_flipped_bit_goes_unseen() {
        let mut bytes = Vec::new();
        write(&mut bytes, PLACE, 64, &head(), b"payload");
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(!matches!(read(&bytes, PLACE, 64), Found::Record { .. }), "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}
