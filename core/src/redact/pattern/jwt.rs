//! JSON Web Tokens, signed or encrypted: `eyJ….….…`.

use std::ops::Range;

use super::{is_token_byte, run};

/// `{"` in base64: every JOSE header begins so.
const BEGINS: &[u8] = b"eyJ";
/// Shortest header: `{"alg":"…` has more.
const HEADER_MIN: usize = 10;
/// Shortest second part.
const PAYLOAD_MIN: usize = 8;
/// Parts of an encrypted one, RFC 7516.
const PARTS_MAX: usize = 5;

/// Whether some token can begin in `text`.
pub(in crate::redact) fn may_stand_in(text: &[u8]) -> bool {
    text.windows(BEGINS.len()).any(|three| three == BEGINS)
}

/// The token whose third letter is at `at`, whole. None begins before `none_before`, which grows past a run that
/// holds none.
///
/// Source: RFC 7515, section 3.1; RFC 7516, section 3.1.
pub(in crate::redact) fn at_j(text: &[u8], at: usize, none_before: &mut usize) -> Option<Range<usize>> {
    let start = (at + 1).checked_sub(BEGINS.len())?;
    if start < *none_before || !text[start..].starts_with(BEGINS) {
        return None;
    }
    let header_end = start + run(text, start, is_token_byte);
    let payload = match text.get(header_end) {
        Some(b'.') => run(text, header_end + 1, is_token_byte),
        _ => 0,
    };
    if payload < PAYLOAD_MIN {
        *none_before = header_end;
        return None;
    }
    if header_end - start < HEADER_MIN {
        return None;
    }
    let mut end = header_end + 1 + payload;
    for _ in 2..PARTS_MAX {
        if text.get(end) != Some(&b'.') {
            break;
        }
        end += 1 + run(text, end + 1, is_token_byte);
    }
    // A dot behind a whole token ends the sentence.
    let unsigned = text[start..end].iter().filter(|b| **b == b'.').count() == 2;
    if text[end - 1] == b'.' && !unsigned {
        end -= 1
    }
    Some(start..end)
}
