//! Tokens that say by their first letters what they are. The first letters stay.

use std::ops::Range;

use super::{is_token_byte, run};
use crate::lanes;

/// A form of token: its first letters, and what follows them at least.
struct Form {
    prefix: &'static [u8],
    tail_min: usize,
    tail: fn(u8) -> bool,
    /// The tail has a digit within its first 64 bytes, and no letter stands before the prefix: where the prefix is
    /// an ordinary end of a word.
    strict: bool,
}

const fn form(prefix: &'static str, tail_min: usize, tail: fn(u8) -> bool) -> Form {
    Form { prefix: prefix.as_bytes(), tail_min, tail, strict: false }
}

const fn strict(prefix: &'static str, tail_min: usize, tail: fn(u8) -> bool) -> Form {
    Form { prefix: prefix.as_bytes(), tail_min, tail, strict: true }
}

fn alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn upper(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

fn dotted(byte: u8) -> bool {
    is_token_byte(byte) || byte == b'.'
}

fn base64(byte: u8) -> bool {
    is_token_byte(byte) || matches!(byte, b'+' | b'/' | b'=')
}

/// Source: the makers' own documentation of their formats; `vbt_` are tokens of our collector.
const FORMS: [Form; 32] = [
    form("vbt_", 8, is_token_byte),
    form("ghp_", 16, alphanumeric),
    form("gho_", 16, alphanumeric),
    form("ghu_", 16, alphanumeric),
    form("ghs_", 16, alphanumeric),
    form("ghr_", 16, alphanumeric),
    form("github_pat_", 20, is_token_byte),
    form("sk_live_", 10, alphanumeric),
    form("sk_test_", 10, alphanumeric),
    form("rk_live_", 10, alphanumeric),
    form("rk_test_", 10, alphanumeric),
    form("whsec_", 16, base64),
    form("whsk_", 16, base64),
    form("shpat_", 16, alphanumeric),
    form("dop_v1_", 16, alphanumeric),
    strict("npm_", 30, alphanumeric),
    strict("hf_", 30, alphanumeric),
    form("glpat-", 16, is_token_byte),
    form("xoxa-", 10, is_token_byte),
    form("xoxb-", 10, is_token_byte),
    form("xoxe-", 10, is_token_byte),
    form("xoxp-", 10, is_token_byte),
    form("xoxr-", 10, is_token_byte),
    form("xoxs-", 10, is_token_byte),
    form("xapp-", 10, is_token_byte),
    strict("pypi-", 30, is_token_byte),
    form("AGE-SECRET-KEY-", 20, upper),
    strict("sk-", 20, is_token_byte),
    form("ya29.", 20, is_token_byte),
    strict("hvs.", 20, is_token_byte),
    strict("SG.", 30, dotted),
    form("sntrys_", 20, base64),
];

/// The shortest tail of all forms.
const TAIL_MIN: usize = 8;

/// The last three bytes of every prefix, hashed: nearly all dashes and dots are decided by these.
const ENDINGS: [u64; 8] = {
    let mut endings = [0; 8];
    let mut at = 0;
    while at < FORMS.len() {
        if let Some(hash) = ending_hash(FORMS[at].prefix) {
            endings[hash / 64] |= 1 << (hash % 64);
        }
        at += 1;
    }
    endings
};

/// A number below 512 of the last three bytes.
const fn ending_hash(text: &[u8]) -> Option<usize> {
    let Some([a, b, c]) = text.last_chunk::<3>() else { return None };
    Some((*a as usize * 31 + *b as usize * 7 + *c as usize) % 512)
}

/// Keys whose first letters end in no punctuation; the sign is their `I`.
const KEYS_WITH_I: [Form; 3] =
    [form("AKIA", 16, upper), form("ASIA", 16, upper), form("AIza", 30, is_token_byte)];

/// Whether a byte of `text` can end a prefix, be the `I` of `AKIA` and its like, or begin a private key in PEM: a
/// look at it and its neighbours, which is enough for nearly all dashes, dots and underscores.
#[inline]
pub(in crate::redact) fn may_stand_in(text: &[u8]) -> bool {
    // What has no eight bytes behind it ends no prefix.
    let area = &text[..text.len().saturating_sub(TAIL_MIN)];
    let is_sign = |byte: u8| (byte == b'-') | (byte == b'_') | (byte == b'.') | (byte == b'I');
    lanes::any_place(area, is_sign, |at| match (area[at], &area[..=at]) {
        (b'I', [.., b'K' | b'S' | b'A', _]) => true,
        (b'I', _) => false,
        (b'-', [.., b'-', _]) => true,
        (_, head) => may_end_prefix(head),
    })
}

/// Whether `head` ends as some prefix does, but for false hopes.
#[inline]
fn may_end_prefix(head: &[u8]) -> bool {
    ending_hash(head).is_some_and(|last| ENDINGS[last / 64] & 1 << (last % 64) != 0)
}

/// The token behind the prefix that ends (or for `AKIA` and its like, has its `I`) at `at`.
pub(in crate::redact) fn at_prefix(text: &[u8], at: usize) -> Option<Range<usize>> {
    if text[at] == b'I' {
        return at_i(text, at);
    }
    let tail = at + 1;
    let head = &text[..tail];
    if !may_end_prefix(head) {
        return None;
    }
    // Ordinary words with a dash or a dot end here.
    if text.len() < tail + TAIL_MIN || !text[tail..tail + TAIL_MIN].iter().all(|b| base64(*b)) {
        return None;
    }
    let form = FORMS.iter().find(|form| head.ends_with(form.prefix))?;
    if form.strict && !is_strictly(form, text, tail) {
        return None;
    }
    let bytes = run(text, tail, form.tail);
    (bytes >= form.tail_min).then_some(tail..tail + bytes)
}

fn is_strictly(form: &Form, text: &[u8], tail: usize) -> bool {
    let before = (tail - form.prefix.len()).checked_sub(1).map(|at| text[at]);
    let begins_word = before.is_none_or(|b| !is_token_byte(b));
    begins_word
        && text[tail..text.len().min(tail + 64)]
            .iter()
            .take_while(|b| (form.tail)(**b))
            .any(u8::is_ascii_digit)
}

fn at_i(text: &[u8], at: usize) -> Option<Range<usize>> {
    KEYS_WITH_I.iter().find_map(|form| {
        let start = at.checked_sub(form.prefix.iter().position(|b| *b == b'I')?)?;
        let tail = start + form.prefix.len();
        let bytes = text[start..].starts_with(form.prefix).then(|| run(text, tail, form.tail))?;
        (bytes >= form.tail_min).then_some(tail..tail + bytes)
    })
}
