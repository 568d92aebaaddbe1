//! The fixed fields that every line begins with, and nothing between them but what is stated here.
//!
//! `{"v":1,"log":"<16 hex>","i":<index>,"t":"<RFC 3339, 9 digits, Z>","m":"<8 hex>.<ns>","p":"<64 hex>",` and then
//! `"ev":{…}}` for an event or `"kind":"<name>",…}` for a line about the log itself. An event written together with
//! the line before it has the same `log`, `t` and `m`, and may leave out all three: `{"v":1,"i":<index>,"p":"…","ev":{…}}`.

use super::digest::{Digest, LogId};

/// The longest line that is written or read: an event is at most 1 MiB, and no byte of it takes more than six.
pub const LINE_BYTES_MAX: usize = 16 << 20;

/// A line's envelope, and what it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Envelope<'a> {
    /// `None` in a short line, as for `time`: what the line before it has.
    pub(crate) log: Option<LogId>,
    pub(crate) index: u64,
    pub(crate) time: Option<&'a str>,
    pub(crate) previous: Digest,
    /// `None` for an event.
    pub(crate) kind: Option<&'a str>,
}

impl<'a> Envelope<'a> {
    /// Reads the fixed fields; answers in words what is wrong with them. Whether the rest is JSON is not looked
    /// at: the hash holds it.
    pub(crate) fn parse(line: &'a [u8]) -> Result<Envelope<'a>, &'static str> {
        let mut rest = line;
        expect(&mut rest, b"{\"v\":1,").ok_or("it does not begin with `{\"v\":1,`")?;
        let mut log = None;
        if expect(&mut rest, b"\"log\":\"").is_some() {
            let id = take(&mut rest, 16).and_then(LogId::from_hex);
            log = Some(id.ok_or("`log` is not 16 hexadecimal digits")?);
            expect(&mut rest, b"\",").ok_or("`i` is missing")?;
        }
        expect(&mut rest, b"\"i\":").ok_or("`i` is missing")?;
        let index = number(&mut rest).ok_or("`i` is not a number")?;
        let time = if log.is_some() { Some(stamp(&mut rest)?) } else { None };
        expect(&mut rest, b",\"p\":\"").ok_or("`p` is missing")?;
        let previous =
            take(&mut rest, 64).and_then(Digest::from_hex).ok_or("`p` is not 64 hexadecimal digits")?;
        let kind = if expect(&mut rest, b"\",\"ev\":{").is_some() {
            None
        } else {
            expect(&mut rest, b"\",\"kind\":\"").ok_or("neither `ev` nor `kind` follows `p`")?;
            Some(kind_text(&mut rest).ok_or("`kind` is not 1 to 32 of `a-z` and `_`")?)
        };
        if log.is_none() && kind.is_some() {
            return Err("a line about the log has no `log`");
        }
        if line.last() != Some(&b'}') {
            return Err("it does not end with `}`");
        }
        Ok(Envelope { log, index, time, previous, kind })
    }
}

/// `t` and `m`; answers `t`.
fn stamp<'a>(rest: &mut &'a [u8]) -> Result<&'a str, &'static str> {
    expect(rest, b",\"t\":\"").ok_or("`t` is missing")?;
    let time = take(rest, 30).and_then(time_text).ok_or("`t` is not a time with nine digits")?;
    expect(rest, b"\",\"m\":\"").ok_or("`m` is missing")?;
    take(rest, 8).filter(|run| run.iter().all(is_lower_hex)).ok_or("`m` has no run of 8 digits")?;
    expect(rest, b".").ok_or("`m` has no run of 8 digits")?;
    digits(rest).ok_or("`m` has no nanoseconds")?;
    expect(rest, b"\"").ok_or("`m` has no end")?;
    Ok(time)
}

fn expect(rest: &mut &[u8], literal: &[u8]) -> Option<()> {
    *rest = rest.strip_prefix(literal)?;
    Some(())
}

fn take<'a>(rest: &mut &'a [u8], bytes: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(bytes)?;
    *rest = left;
    Some(taken)
}

fn ascii(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| text.is_ascii())
}

fn is_lower_hex(byte: &u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// `0000-00-00T00:00:00.000000000Z` with any digits.
fn time_text(bytes: &[u8]) -> Option<&str> {
    let fits = |(byte, form): (&u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == form };
    let fits_all = bytes.iter().zip(b"0000-00-00T00:00:00.000000000Z").all(fits);
    ascii(bytes).filter(|_| fits_all)
}

fn kind_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let end = rest.iter().position(|b| *b == b'"')?;
    let named = |kind: &&[u8]| kind.iter().all(|b| matches!(b, b'a'..=b'z' | b'_'));
    take(rest, end).filter(|kind| (1..=32).contains(&kind.len())).filter(named).and_then(ascii)
}

/// Decimal digits without leading zeroes.
fn digits<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let end = rest.iter().position(|b| !b.is_ascii_digit()).unwrap_or(rest.len());
    let digits = ascii(take(rest, end)?)?;
    (digits == "0" || !digits.is_empty() && !digits.starts_with('0')).then_some(digits)
}

/// As [`digits`], up to 2⁶⁴ − 1.
fn number(rest: &mut &[u8]) -> Option<u64> {
    digits(rest)?.parse().ok()
}
