//! Secrets under a name within a text: `password=…`, `"apiKey": "…"`, `Authorization: …`.

use std::ops::Range;

use super::super::keys::KeyNames;
use super::run;

/// Longest name that is looked for before a sign.
const NAME_BYTES_MAX: usize = 64;
/// Shortest unquoted value behind a colon that is taken for a secret and not for prose.
const VALUE_BYTES_MIN: usize = 4;
/// First words of an `Authorization` value; the secret is behind them.
const SCHEMES: [&[u8]; 10] = [
    b"basic",
    b"bearer",
    b"token",
    b"apikey",
    b"negotiate",
    b"ntlm",
    b"digest",
    b"hawk",
    b"oauth",
    b"aws4-hmac-sha256",
];
/// Schemes whose secret is the rest of the line.
const LINE_SCHEMES: [&[u8]; 4] = [b"digest", b"hawk", b"oauth", b"aws4-hmac-sha256"];

/// The value behind the `=` at `at`, if the name before it is secret: `password=x`, `token => "x"`.
pub(in crate::redact) fn at_equals(text: &[u8], at: usize, keys: &KeyNames) -> Option<Range<usize>> {
    if matches!(text[..at].last(), Some(b'=' | b'!' | b'<' | b'>')) {
        return None;
    }
    let name = name_before(text, at)?;
    if !keys.is_secret(name) {
        return None;
    }
    let signs = run(text, at, |b| matches!(b, b'=' | b'>'));
    let start = at + signs + run(text, at + signs, is_blank).min(2);
    nonempty(value_at(text, start, name))
}

/// The value behind the `:` at `at`, if the name before it is secret. Behind a name without quotes, a value that
/// could be a word of prose is left: `invalid token: expired`.
pub(in crate::redact) fn at_colon(text: &[u8], at: usize, keys: &KeyNames) -> Option<Range<usize>> {
    let name = name_before(text, at)?;
    if !keys.is_secret(name) {
        return None;
    }
    let start = at + 1 + run(text, at + 1, is_blank);
    let value = nonempty(value_at(text, start, name))?;
    let quoted_name = text[..at].iter().rev().find(|b| !is_blank(**b)).is_some_and(|b| is_quote(*b));
    let quoted_value = !value.is_empty() && value.start > start;
    let header = name.contains(&b'-');
    (quoted_name || quoted_value || header || looks_secret(&text[value.clone()])).then_some(value)
}

fn nonempty(value: Range<usize>) -> Option<Range<usize>> {
    (!value.is_empty()).then_some(value)
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

/// The name that ends before `end`, blanks and quotes between left out.
fn name_before(text: &[u8], end: usize) -> Option<&[u8]> {
    let trimmed = |mut end: usize, most: usize, is: fn(u8) -> bool| {
        let from = end.saturating_sub(most);
        while end > from && is(text[end - 1]) {
            end -= 1;
        }
        end
    };
    let blanks = trimmed(end, 2, is_blank);
    let quotes = trimmed(blanks, 1, is_quote);
    let end = if quotes < blanks { trimmed(quotes, 4, |b| b == b'\\') } else { quotes };
    let is_name = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'[' | b']');
    let bytes = text[..end].iter().rev().take(NAME_BYTES_MAX).take_while(is_name).count();
    (bytes > 0).then(|| &text[end - bytes..end])
}

/// The value that begins at `start`: within its quotes or brackets, or up to what ends a word.
fn value_at(text: &[u8], start: usize, name: &[u8]) -> Range<usize> {
    let prefixed = run(text, start, |b| matches!(b, b'b' | b'B' | b'u' | b'U' | b'r' | b'R')).min(2);
    let prefix = if text.get(start + prefixed).is_some_and(|b| is_quote(*b)) { prefixed } else { 0 };
    let slashes = run(text, start + prefix, |b| b == b'\\');
    match text.get(start + prefix + slashes) {
        Some(quote) if is_quote(*quote) && slashes <= 4 => {
            quoted(text, start + prefix + slashes + 1, *quote, slashes)
        }
        Some(b'[' | b'{') if slashes == 0 => start..closing_bracket(text, start),
        _ if name.to_ascii_lowercase().ends_with(b"cookie") => start..cookies_end(text, start),
        _ => unquoted(text, start),
    }
}

/// Up to the quote that closes: one with as many backslashes before it as the opening one had, or with none where
/// those of the value come in pairs.
fn quoted(text: &[u8], start: usize, quote: u8, slashes: usize) -> Range<usize> {
    let mut seen = 0;
    for (at, byte) in text.iter().enumerate().skip(start) {
        match *byte {
            b'\\' => seen += 1,
            b if b == quote && closes(seen, slashes) => return start..(at - slashes).max(start),
            _ => seen = 0,
        }
    }
    start..text.len()
}

fn closes(seen: usize, opened_with: usize) -> bool {
    if opened_with == 0 { seen.is_multiple_of(2) } else { seen == opened_with }
}

/// Behind the bracket that closes the one at `start`, strings left out; the end of a text that was cut.
fn closing_bracket(text: &[u8], start: usize) -> usize {
    let (mut depth, mut at) = (0_usize, start);
    while at < text.len() {
        match text[at] {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            b'"' => at = quoted(text, at + 1, b'"', 0).end,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return at.min(text.len());
        }
    }
    text.len()
}

/// Behind the last of `a=b; c=d`.
fn cookies_end(text: &[u8], start: usize) -> usize {
    let mut end = start;
    loop {
        end += run(text, end, |b| !b.is_ascii_whitespace() && !is_quote(b));
        let blanks = run(text, end, is_blank);
        if end == start || text[end - 1] != b';' || blanks == 0 {
            return end;
        }
        end += blanks;
    }
}

/// A word, or what is behind the scheme of an `Authorization`.
fn unquoted(text: &[u8], start: usize) -> Range<usize> {
    let word = start..word_end(text, start);
    let named = |schemes: &[&[u8]]| schemes.iter().any(|s| text[word.clone()].eq_ignore_ascii_case(s));
    let blanks = run(text, word.end, is_blank);
    if !named(&SCHEMES) || blanks == 0 {
        return word;
    }
    let secret = word.end + blanks;
    if named(&LINE_SCHEMES) {
        return secret..secret + run(text, secret, |b| !matches!(b, b'\r' | b'\n'));
    }
    secret..word_end(text, secret)
}

/// Where an unquoted value ends: at a blank, a quote, `&` or `;`, or at `,` `)` `]` `}` that something ends with.
fn word_end(text: &[u8], start: usize) -> usize {
    let mut at = start;
    while at < text.len() {
        match text[at] {
            b'&' | b';' | b'<' | b'>' => break,
            b if b.is_ascii_whitespace() || is_quote(b) => break,
            b',' | b')' | b']' | b'}' if ends_at(text, at) => break,
            _ => at += 1,
        }
    }
    at
}

fn ends_at(text: &[u8], at: usize) -> bool {
    let Some(next) = text.get(at + 1) else { return true };
    if next.is_ascii_whitespace()
        || is_quote(*next)
        || matches!(next, b',' | b')' | b']' | b'}' | b'&' | b';' | b'\\')
    {
        return true;
    }
    let name = text[at + 1..]
        .iter()
        .take(NAME_BYTES_MAX)
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        .count();
    text[at] == b',' && name > 0 && matches!(text.get(at + 1 + name), Some(b'=' | b':'))
}

/// Whether a word can hardly be prose: it has a digit, a sign within, or capitals among small letters.
fn looks_secret(value: &[u8]) -> bool {
    let end = value
        .iter()
        .rposition(|b| !matches!(b, b'.' | b',' | b':' | b'!' | b'?' | b')' | b'('))
        .map_or(0, |at| at + 1);
    let word = &value[..end];
    let sign =
        |b: &u8| !b.is_ascii_alphabetic() && !matches!(b, b'-' | b'\'' | b'/' | b'_' | b'.') && b.is_ascii();
    let mixed = word.iter().any(u8::is_ascii_lowercase) && word.iter().skip(1).any(u8::is_ascii_uppercase);
    word.len() >= VALUE_BYTES_MIN && (word.iter().any(sign) || mixed)
}
