//! The forms of secrets. Each pattern is asked at one byte that may be its sign, answers the byte range of the
//! secret part alone, and looks a bounded way around or consumes what it looked at.

pub(super) mod assignment;
pub(super) mod card;
pub(super) mod credential;
pub(super) mod jwt;
pub(super) mod pem;
pub(super) mod token;

/// Length of the run of bytes from `from` on for which `allowed` holds.
fn run(text: &[u8], from: usize, allowed: impl Fn(u8) -> bool) -> usize {
    text[from.min(text.len())..].iter().take_while(|b| allowed(**b)).count()
}

/// Letters of base64 as URLs carry it, and of most tokens.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// Whether `text` ends in `word`, which is in lower case, in any case.
fn ends_with_word(text: &[u8], word: &[u8]) -> bool {
    text.len() >= word.len() && text[text.len() - word.len()..].eq_ignore_ascii_case(word)
}
