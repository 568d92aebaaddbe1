//! Credentials of HTTP: behind `Bearer` and `Basic`, and the password in a URL.

use std::ops::Range;

use super::{ends_with_word, run};

/// `Basic` or `Bearer`, a space and the shortest credential have at least so many bytes.
pub(in crate::redact) const SHORTEST: usize = 10;
/// Shortest bearer token; `Bearer token` is prose.
const TOKEN_BYTES_MIN: usize = 6;
/// From this length on a run of small letters is a token and not a word.
const WORD_BYTES_MAX: usize = 24;
/// How far a password with an unescaped slash is followed to its `@`.
const USERINFO_BYTES_MAX: usize = 256;

/// The credential behind `Bearer` or `Basic`, in any case, whose space is at `at`.
///
/// Source: RFC 6750, section 2.1; RFC 7617, section 2.
pub(in crate::redact) fn at_space(text: &[u8], at: usize) -> Option<Range<usize>> {
    let last = text[..at].last()?.to_ascii_lowercase();
    if last != b'r' && last != b'c' {
        return None;
    }
    let bearer = ends_with_word(&text[..at], b"bearer");
    if !bearer && !ends_with_word(&text[..at], b"basic") {
        return None;
    }
    let start = at + run(text, at, |b| matches!(b, b' ' | b'\t'));
    let token = start..start + run(text, start, is_token68);
    let found = if bearer { is_bearer_token(text, &token) } else { is_basic(&text[token.clone()]) };
    found.then_some(token)
}

fn is_token68(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
}

/// Tells a token from the next word of a sentence, and from `realm="…"` of a challenge, masked or not.
fn is_bearer_token(text: &[u8], token: &Range<usize>) -> bool {
    let word = &text[token.clone()];
    let challenge = word.contains(&b'=') && matches!(text.get(token.end), Some(b'"' | b'*'));
    if word.len() < TOKEN_BYTES_MIN || challenge {
        return false;
    }
    let sentence = word.strip_suffix(b".").unwrap_or(word);
    let ordinary = sentence.len() < WORD_BYTES_MAX && sentence[1..].iter().all(u8::is_ascii_lowercase);
    !ordinary
}

/// Whether this is base64 of `user:password`, without control characters.
fn is_basic(text: &[u8]) -> bool {
    let (mut bits, mut filled, mut colon) = (0_u32, 0, false);
    for byte in text.iter().take_while(|b| **b != b'=') {
        let Some(six) = base64_digit(*byte) else { return false };
        bits = bits << 6 | six;
        filled += 6;
        if filled >= 8 {
            filled -= 8;
            let decoded = (bits >> filled) as u8;
            if decoded.is_ascii_control() {
                return false;
            }
            colon |= decoded == b':';
        }
    }
    colon
}

fn base64_digit(byte: u8) -> Option<u32> {
    let digit = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    };
    Some(digit.into())
}

/// The password of the URL whose `://` is at `at`: `https://user:PASSWORD@host`.
///
/// Source: RFC 3986, section 3.2.1. A password may, against it, hold a slash and its like.
pub(in crate::redact) fn in_url(text: &[u8], at: usize) -> Option<Range<usize>> {
    let start = at + 3;
    let authority =
        &text[start..start + run(text, start, |b| !ends_url(b) && !matches!(b, b'/' | b'?' | b'#'))];
    if let Some(host) = authority.iter().rposition(|b| *b == b'@') {
        let user = authority[..host].iter().position(|b| *b == b':')?;
        return (user + 1 < host).then_some(start + user + 1..start + host);
    }
    // `user:pa/ss@host`, but not `host:8080/@x`.
    let user = authority.iter().position(|b| *b == b':')?;
    if authority[user + 1..].iter().all(u8::is_ascii_digit) || authority.starts_with(b"[") {
        return None;
    }
    let password = start + user + 1;
    let area = &text[password..text.len().min(password + USERINFO_BYTES_MAX)];
    let area = &area[..run(area, 0, |b| !ends_url(b))];
    let bytes = area.iter().position(|b| *b == b'@')?;
    Some(password..password + bytes)
}

fn ends_url(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte.is_ascii_control() || matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'`')
}
