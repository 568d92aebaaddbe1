//! JSON numbers: integers exact or refused, fractions rounded to the nearest float.

use super::super::decode::Token;

/// An integer that fits 64 bits; its grammar has been checked. −0 is 0.
pub(super) fn whole(text: &[u8]) -> Result<Token<'static>, &'static str> {
    const RANGE: &str = "an integer is from −2^63 to 2^64 − 1";
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let add = |n: u64, b: &u8| n.checked_mul(10)?.checked_add(u64::from(b - b'0'));
    let magnitude = digits.iter().try_fold(0_u64, add).ok_or(RANGE)?;
    if !negative || magnitude == 0 {
        return Ok(Token::Unsigned(magnitude));
    }
    0_i64.checked_sub_unsigned(magnitude).map(Token::Negative).ok_or(RANGE)
}

/// A number with a fraction or an exponent; its grammar has been checked.
pub(super) fn fraction(text: &[u8]) -> Result<Token<'static>, &'static str> {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
    match number {
        Some(number) if number.is_finite() => Ok(Token::Float(number + 0.0)),
        _ => Err("it is beyond the range of a 64-bit float"),
    }
}
