//! Bytes of a line to text, bounded and never refused.

use std::borrow::Cow;

use veribus_core::{EventId, EventKind, Timestamp, VerificationEvent};

use crate::line::{LINE_BYTES_MAX, Unparsed};

/// Longest text of one field (a user name, a path) that is kept, in bytes; longer ones are cut.
pub const FIELD_BYTES_MAX: usize = 4096;

/// The line as text without its line end and byte-order mark, and whether bytes had to be replaced.
pub(crate) fn decode(line: &[u8]) -> Result<(Cow<'_, str>, bool), Unparsed> {
    if line.len() > LINE_BYTES_MAX {
        return Err(Unparsed::TooLong { bytes: line.len() });
    }
    let mut line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    while let Some((b'\r' | b'\n', rest)) = line.split_last() {
        line = rest;
    }
    match std::str::from_utf8(line) {
        Ok(text) => Ok((Cow::Borrowed(text), false)),
        Err(_) => Ok((Cow::Owned(String::from_utf8_lossy(line).into_owned()), true)),
    }
}

/// At most `max` bytes of `text`, cut between characters, and whether it was cut.
pub(crate) fn cut(text: &str, max: usize) -> (&str, bool) {
    if text.len() <= max {
        return (text, false);
    }
    (&text[..text.floor_char_boundary(max)], true)
}

/// An event without identity. `action` is one of this crate's own names.
pub(crate) fn event(time: Timestamp, kind: EventKind, action: &'static str) -> VerificationEvent {
    VerificationEvent::bare(EventId::from_bits(0), time, kind, action)
        .expect("this crate's own names follow the pattern; a test reads all of them")
}
