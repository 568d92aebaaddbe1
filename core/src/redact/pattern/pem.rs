//! Private keys in PEM: what is between the lines that say so.

use std::ops::Range;

use memchr::memmem;

const BEGIN: &[u8] = b"-----BEGIN ";
const DASHES: &[u8] = b"-----";
/// Longest label: `OPENSSH PRIVATE KEY`, `PGP PRIVATE KEY BLOCK` and room for others.
const LABEL_BYTES_MAX: usize = 64;

/// The body of the private key whose first line begins at `at`: up to its last line, or to the end of a text that
/// was cut.
///
/// Source: RFC 7468, section 2.
pub(in crate::redact) fn at_dash(text: &[u8], at: usize) -> Option<Range<usize>> {
    if !text[at..].starts_with(BEGIN) {
        return None;
    }
    let label = at + BEGIN.len();
    let label_area = &text[label..text.len().min(label + LABEL_BYTES_MAX)];
    let label_bytes = memmem::find(label_area, DASHES)?;
    memmem::find(&label_area[..label_bytes], b"PRIVATE KEY")?;
    let body = label + label_bytes + DASHES.len();
    let end = memmem::find(&text[body..], b"-----END ").map_or(text.len(), |bytes| body + bytes);
    (body < end).then_some(body..end)
}
