//! One pass over a text: most bytes can begin no secret and cost a table look-up, the others ask one pattern.

use std::ops::Range;

use super::keys::KeyNames;
use super::mask_for;
use super::pattern::{assignment, card, credential, jwt, pem, token};

/// Fewer bytes hold no secret: `pin=1` is the shortest that does.
const SHORTEST: usize = 5;
/// Fewer bytes hold no token of a known form.
const SHORTEST_TOKEN: usize = 15;
/// Fewer digits are no card number.
const CARD_DIGITS_MIN: usize = 13;

/// What a byte may be the sign of. The patterns are asked at these bytes only.
const NOTHING: u8 = 0;
/// `=`: `password=…`
const EQUALS: u8 = 1;
/// `:`: `"password": …`, `Authorization: …`, `https://user:…`
const COLON: u8 = 2;
/// `_`, `-`, `.`, `I`: the end of `ghp_`, `xoxb-`, `hvs.`, the middle of `AKIA`; `-` also a private key.
const PREFIX: u8 = 4;
/// `J`: the end of `eyJ`.
const JWT: u8 = 8;
/// Space: behind `Bearer` or `Basic`.
const SPACE: u8 = 16;
/// The first digit of a card number.
const DIGIT: u8 = 32;

const SIGNS: [u8; 256] = {
    let mut signs = [NOTHING; 256];
    signs[b'=' as usize] = EQUALS;
    signs[b':' as usize] = COLON;
    signs[b'_' as usize] = PREFIX;
    signs[b'-' as usize] = PREFIX;
    signs[b'.' as usize] = PREFIX;
    signs[b'I' as usize] = PREFIX;
    signs[b'J' as usize] = JWT;
    signs[b' ' as usize] = SPACE;
    signs[b'\t' as usize] = SPACE;
    let mut digit = b'0';
    while digit <= b'9' {
        signs[digit as usize] = DIGIT;
        digit += 1;
    }
    signs
};

/// Whether it is worth to look closer; `false` only if [`mask`] would find nothing.
#[inline]
pub(super) fn may_hold_secret(text: &[u8]) -> bool {
    if text.len() < SHORTEST {
        return false;
    }
    let (mut signs, mut digits) = (NOTHING, 0);
    for byte in text {
        let sign = SIGNS[usize::from(*byte)];
        signs |= sign;
        digits += usize::from(sign == DIGIT);
    }
    signs & (EQUALS | COLON) != 0
        || signs & (PREFIX | JWT) != 0 && text.len() >= SHORTEST_TOKEN
        || signs & SPACE != 0 && text.len() >= credential::SHORTEST
        || digits >= CARD_DIGITS_MIN
}

/// `text` with its secrets masked, or `None` if there are none. Masks replace whole characters.
pub(super) fn mask(text: &[u8], keys: &KeyNames) -> Option<Vec<u8>> {
    let mut scan = Scan { text, keys, no_jwt_before: 0 };
    let mut out: Option<Vec<u8>> = None;
    let (mut copied, mut at) = (0, 0);
    while let Some(secret) = scan.next(at) {
        at = secret.end.max(at + 1);
        if text[secret.clone()].iter().all(|b| *b == b'*') {
            continue; // masked before
        }
        let out = out.get_or_insert_with(|| Vec::with_capacity(text.len()));
        out.extend_from_slice(&text[copied..secret.start]);
        out.extend_from_slice(mask_for(secret.len()).as_bytes());
        copied = secret.end;
    }
    let mut out = out?;
    out.extend_from_slice(&text[copied..]);
    Some(out)
}

struct Scan<'a> {
    text: &'a [u8],
    keys: &'a KeyNames,
    /// No JWT begins before this place: each run of its letters is read once, so the pass stays linear.
    no_jwt_before: usize,
}

impl Scan<'_> {
    /// The first secret that begins at `from` or behind, and whose sign stands there too.
    fn next(&mut self, from: usize) -> Option<Range<usize>> {
        let mut at = from;
        while at < self.text.len() {
            let sign = SIGNS[usize::from(self.text[at])];
            if sign != NOTHING
                && let Some(secret) = self.at_sign(sign, at)
                && secret.start >= from
            {
                return Some(secret);
            }
            at += 1;
        }
        None
    }

    fn at_sign(&mut self, sign: u8, at: usize) -> Option<Range<usize>> {
        let text = self.text;
        match sign {
            EQUALS => assignment::at_equals(text, at, self.keys),
            COLON if text[at..].starts_with(b"://") => credential::in_url(text, at),
            COLON => assignment::at_colon(text, at, self.keys),
            PREFIX => token::at_prefix(text, at).or_else(|| pem::at_dash(text, at)),
            JWT => jwt::at_j(text, at, &mut self.no_jwt_before),
            SPACE => credential::at_space(text, at),
            _ => card::at_digit(text, at),
        }
    }
}
