//! One pass over a text: most bytes can begin no secret and cost a table look-up, the others ask one pattern.

use std::ops::Range;

use super::keys::KeyNames;
use super::mask_for;
use super::pattern::{assignment, card, credential, jwt, pem, token};
use crate::lanes;

/// Fewer bytes hold no secret: `pin=1` is the shortest that does.
const SHORTEST: usize = 5;
/// Fewer bytes hold no token of a known form.
const SHORTEST_TOKEN: usize = 15;

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

#[inline(always)]
const fn is(sign: u8, stands: bool) -> u8 {
    sign & (stands as u8).wrapping_neg()
}

/// The sign that a byte may be, by comparisons alone: see [`lanes::any`].
#[inline(always)]
const fn sign(byte: u8) -> u8 {
    is(EQUALS, byte == b'=')
        | is(COLON, byte == b':')
        | is(PREFIX, (byte == b'_') | (byte == b'-') | (byte == b'.') | (byte == b'I'))
        | is(JWT, byte == b'J')
        | is(SPACE, (byte == b' ') | (byte == b'\t'))
        | is(LETTER_B, byte | 0x20 == b'b')
}

const SIGNS: [u8; 256] = {
    let mut signs = [NOTHING; 256];
    let mut byte = 0;
    while byte < signs.len() {
        signs[byte] = sign(byte as u8);
        byte += 1;
    }
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
    let mut signs = lanes::any(text, sign);
    if signs & PREFIX != 0 && (text.len() < SHORTEST_TOKEN || !token::may_stand_in(text)) {
        signs &= !PREFIX;
    }
    if signs & JWT != 0 && (text.len() < SHORTEST_TOKEN || !jwt::may_stand_in(text)) {
        signs &= !JWT;
    }
    if signs & LETTER_B == 0 || text.len() < credential::SHORTEST {
        signs &= !SPACE;
    }
    if card::may_stand_in(text) {
        signs |= DIGIT;
    }
    signs & !LETTER_B
}

/// Most passes over one text. A mask can make another secret visible only in texts built for it, each pass
/// leaves fewer bytes to mask, and so few passes keep the time linear.
const PASSES_MAX: usize = 8;

/// `text` with its secrets masked, or `None` if there are none. Masks replace whole characters. Nothing is left
/// that a second call would mask.
pub(super) fn mask(text: &[u8], keys: &KeyNames) -> Option<Vec<u8>> {
    let mut masked = mask_once(text, keys, signs_in(text))?;
    for _ in 1..PASSES_MAX {
        match mask_once(&masked, keys, signs_in(&masked)) {
            Some(more) => masked = more,
            None => break,
        }
    }
    Some(masked)
}

fn mask_once(text: &[u8], keys: &KeyNames, signs: u8) -> Option<Vec<u8>> {
    let mut scan = Scan { text, keys, signs, no_jwt_before: 0 };
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Pieces of secrets and what looks like them, in any order and cut anywhere.
    fn pieces() -> impl Strategy<Value = Vec<u8>> {
        const PIECES: [&str; 22] = [
            "ghp_",
            "AKIA",
            "AIza",
            "sk-",
            "xoxb-",
            "hvs.",
            "-----BEGIN ",
            "PRIVATE KEY-----",
            "eyJ",
            "eyJhbGciOiJI",
            "Bearer ",
            "basic\t",
            "4111",
            "1111",
            "4111111111111111",
            "-",
            " ",
            ".",
            "password",
            "=",
            "://u:",
            "a1B2c3D4",
        ];
        prop::collection::vec((0..PIECES.len(), 0_usize..4), 1..14).prop_map(|picked| {
            picked.iter().flat_map(|(piece, cut)| PIECES[*piece].bytes().skip(*cut / 2)).collect()
        })
    }

    proptest! {
        #[test]
        fn a_sign_is_ruled_out_only_where_its_pattern_finds_nothing(text in pieces()) {
            let keys = KeyNames::standard();
            let all = EQUALS | COLON | PREFIX | JWT | SPACE | DIGIT;
            prop_assert_eq!(mask_once(&text, &keys, signs_in(&text)), mask_once(&text, &keys, all));
        }
    }
}
