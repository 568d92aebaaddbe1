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
pub(super) const NOTHING: u8 = 0;
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
/// `b`, `B`: without one there is no `Bearer` and no `Basic`. No pattern is asked at it.
const LETTER_B: u8 = 64;

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
    signs[b'b' as usize] = LETTER_B;
    signs[b'B' as usize] = LETTER_B;
    let mut digit = b'0';
    while digit <= b'9' {
        signs[digit as usize] = DIGIT;
        digit += 1;
    }
    signs
};

/// The signs at which a pattern can stand in `text`; none if there is no secret in it, which is the usual case.
#[inline]
pub(super) fn signs_in(text: &[u8]) -> u8 {
    if text.len() < SHORTEST {
        return NOTHING;
    }
    let (mut signs, mut digits) = (NOTHING, 0);
    for byte in text {
        let sign = SIGNS[usize::from(*byte)];
        signs |= sign;
        digits += usize::from(sign == DIGIT);
    }
    if text.len() < SHORTEST_TOKEN {
        signs &= !(PREFIX | JWT);
    }
    if signs & LETTER_B == 0 || text.len() < credential::SHORTEST {
        signs &= !SPACE;
    }
    if digits < CARD_DIGITS_MIN || !has_long_number(text) {
        signs &= !DIGIT;
    }
    signs & !LETTER_B
}

/// Whether so many digits as a card has stand with nothing but spaces and dashes between. Without a branch a
/// byte: digits come and go in no order that a processor could learn.
fn has_long_number(text: &[u8]) -> bool {
    let (mut run, mut longest) = (0_usize, 0);
    for byte in text {
        let digit = byte.is_ascii_digit();
        let goes_on = digit | (*byte == b' ') | (*byte == b'-');
        run = (run + usize::from(digit)) & usize::from(goes_on).wrapping_neg();
        longest = longest.max(run);
    }
    longest >= CARD_DIGITS_MIN
}

/// Most passes over one text. A mask can make another secret visible only in texts built for it, each pass
/// leaves fewer bytes to mask, and so few passes keep the time linear.
const PASSES_MAX: usize = 8;

/// `text` with its secrets masked, or `None` if there are none. Masks replace whole characters. Nothing is left
/// that a second call would mask.
pub(super) fn mask(text: &[u8], keys: &KeyNames) -> Option<Vec<u8>> {
    let mut masked = mask_once(text, keys)?;
    for _ in 1..PASSES_MAX {
        match mask_once(&masked, keys) {
            Some(more) => masked = more,
            None => break,
        }
    }
    Some(masked)
}

fn mask_once(text: &[u8], keys: &KeyNames) -> Option<Vec<u8>> {
    let mut scan = Scan { text, keys, signs: signs_in(text), no_jwt_before: 0 };
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
    /// Where to ask; the others cannot stand in this text.
    signs: u8,
    /// No JWT begins before this place: each run of its letters is read once, so the pass stays linear.
    no_jwt_before: usize,
}

impl Scan<'_> {
    /// The first secret that begins at `from` or behind, and whose sign stands there too.
    fn next(&mut self, from: usize) -> Option<Range<usize>> {
        let mut at = from;
        while let Some(bytes) = self.text[at..].iter().position(|b| SIGNS[usize::from(*b)] & self.signs != 0)
        {
            at += bytes;
            if let Some(secret) = self.at_sign(at).filter(|secret| secret.start >= from) {
                return Some(secret);
            }
            at += 1;
        }
        None
    }

    fn at_sign(&mut self, at: usize) -> Option<Range<usize>> {
        let text = self.text;
        match SIGNS[usize::from(text[at])] {
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
