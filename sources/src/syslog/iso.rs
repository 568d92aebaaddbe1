//! Stamps that say everything: RFC 3339, and the nearly same of `journalctl -o short-iso`.

use veribus_core::Timestamp;

use crate::line::Unparsed;

/// Longest stamp: `2026-11-21T10:00:00.123456789+01:00`.
const STAMP_BYTES_MAX: usize = 35;

/// The time at the beginning of `line` and what follows the space after it.
///
/// The offset may stand without a colon (`+0100`), the date and the time may be parted by a space.
pub(crate) fn split_stamp(line: &str) -> Result<(Timestamp, &str), Unparsed> {
    let bytes = line.as_bytes();
    let shaped =
        bytes.len() >= 20 && bytes[4] == b'-' && bytes[7] == b'-' && matches!(bytes[10], b'T' | b' ');
    if !shaped {
        return Err(Unparsed::Shape);
    }
    let end = memchr::memchr(b' ', &bytes[11..]).map_or(bytes.len(), |at| at + 11);
    let rest = line.get(end + 1..).unwrap_or("");
    parse(&bytes[..end]).map(|time| (time, rest)).ok_or(Unparsed::Time)
}

fn parse(stamp: &[u8]) -> Option<Timestamp> {
    let mut text = [0_u8; STAMP_BYTES_MAX];
    let mut length = stamp.len();
    text.get_mut(..length)?.copy_from_slice(stamp);
    if let [.., b'+' | b'-', h1, h2, m1, m2] = stamp
        && [h1, h2, m1, m2].iter().all(|b| b.is_ascii_digit())
    {
        text.get_mut(length - 2..=length)?.copy_from_slice(&[b':', *m1, *m2]);
        length += 1;
    }
    std::str::from_utf8(&text[..length]).ok()?.parse().ok()
}
