//! Payment card numbers: by issuer, length and check digit, so that few other numbers are taken for one.

use std::ops::Range;

use super::run;

const DIGITS_MIN: usize = 13;
const DIGITS_MAX: usize = 19;

/// Whether so many digits as a card has stand with nothing but spaces and dashes between, and a group of them begins
/// as a card can. So many bytes in a row cover a multiple of their number: only those places are looked at.
#[inline]
pub(in crate::redact) fn may_stand_in(text: &[u8]) -> bool {
    let mut at = DIGITS_MIN - 1;
    while at < text.len() {
        if goes_on(text[at]) {
            let begin = at - text[..at].iter().rev().take_while(|b| goes_on(**b)).count();
            let end = at + run(text, at, goes_on);
            if end - begin >= DIGITS_MIN && is_long_number(&text[begin..end]) {
                return true;
            }
            at = end;
        }
        at += DIGITS_MIN;
    }
    false
}

#[inline(always)]
fn goes_on(byte: u8) -> bool {
    byte.is_ascii_digit() | (byte == b' ') | (byte == b'-')
}

fn is_long_number(run: &[u8]) -> bool {
    let digits = run.iter().map(|b| usize::from(b.is_ascii_digit())).sum::<usize>();
    let begins =
        |(at, byte): (usize, &u8)| is_first_digit(*byte) && (at == 0 || !run[at - 1].is_ascii_digit());
    digits >= DIGITS_MIN && run.iter().enumerate().any(begins)
}

/// Whether some issuer's numbers begin so, see [`has_issuer`].
fn is_first_digit(byte: u8) -> bool {
    matches!(byte, b'2'..=b'6' | b'8' | b'9')
}

/// The card number whose first digit is at `at`: 13 to 19 digits, whole or in the usual groups with single spaces
/// or dashes between.
///
/// Not one if a digit, a `+` or a decimal point belongs to it, or if it is the middle of a hexadecimal identifier.
///
/// Source: ISO/IEC 7812-1, annex B (check digit).
pub(in crate::redact) fn at_digit(text: &[u8], at: usize) -> Option<Range<usize>> {
    if !may_begin(text, at) {
        return None;
    }
    let mut number = Number::default();
    let mut found = None;
    let mut end = at;
    while let Some(digit) = text.get(end).filter(|b| b.is_ascii_digit()) {
        number.push(*digit - b'0')?;
        end += 1;
        if text.get(end).is_some_and(u8::is_ascii_digit) {
            continue;
        }
        if number.is_card() && !is_fraction(text, end) && !is_inside_hex(text, at..end) {
            found = Some(at..end);
        }
        let separated = matches!(text.get(end), Some(b' ' | b'-'));
        if !separated || !number.next_group() {
            break;
        }
        end += 1;
    }
    found
}

/// The cheap answer first: what stands before, and how long the first group is.
fn may_begin(text: &[u8], at: usize) -> bool {
    let before = |n: usize| at.checked_sub(n).map(|at| text[at]);
    let inside = match before(1) {
        Some(b'0'..=b'9' | b'+') => true,
        Some(b'.') => before(2).is_some_and(|b| b.is_ascii_digit()),
        _ => false,
    };
    if inside || !is_first_digit(text[at]) {
        return false;
    }
    let area = &text[at..text.len().min(at + DIGITS_MAX + 1)];
    let group = run(area, 0, |b| b.is_ascii_digit());
    let goes_on = matches!(area.get(group), Some(b' ' | b'-'));
    (DIGITS_MIN..=DIGITS_MAX).contains(&group) || goes_on && matches!(group, 4 | 6 | 8)
}

fn is_fraction(text: &[u8], end: usize) -> bool {
    text.get(end) == Some(&b'.') && text.get(end + 1).is_some_and(u8::is_ascii_digit)
}

/// Whether the digits are part of a run of hexadecimal digits of an identifier's length: 16, 24, 32, 40 … of which
/// some are letters.
fn is_inside_hex(text: &[u8], digits: Range<usize>) -> bool {
    const LONGEST: usize = 128;
    let hex = |b: &&u8| b.is_ascii_hexdigit();
    let before = text[..digits.start].iter().rev().take(LONGEST).take_while(hex).count();
    let behind = text[digits.end..].iter().take(LONGEST).take_while(hex).count();
    let length = before + digits.len() + behind;
    before + behind > 0 && length >= 16 && length.is_multiple_of(8)
}

/// Digits read so far, and the sizes of their groups.
#[derive(Default)]
struct Number {
    digits: [u8; DIGITS_MAX],
    count: usize,
    groups: [usize; 6],
    group: usize,
}

impl Number {
    /// `None` if there are more digits than a card has.
    fn push(&mut self, digit: u8) -> Option<()> {
        *self.digits.get_mut(self.count)? = digit;
        self.count += 1;
        self.groups[self.group] += 1;
        Some(())
    }

    /// Begins another group; whether there may be one.
    fn next_group(&mut self) -> bool {
        self.group += 1;
        self.group < self.groups.len() && self.count < DIGITS_MAX
    }

    fn is_card(&self) -> bool {
        let digits = &self.digits[..self.count];
        self.count >= DIGITS_MIN && self.is_grouped() && has_issuer(digits) && has_check_digit(digits)
    }

    /// One group; 4 and then small ones (4-4-4-4, 4-6-5); or 6-13 and 8-8, as some are printed.
    fn is_grouped(&self) -> bool {
        match &self.groups[..=self.group] {
            [_] | [6, 13] | [8, 8] => true,
            [4, rest @ ..] => rest.iter().all(|size| *size <= 6),
            _ => false,
        }
    }
}

/// Whether cards of this length are issued under these first digits.
///
/// Source: the networks' published issuer ranges (Visa, Mastercard, American Express, Diners Club, JCB, Mir,
/// Maestro, Discover, UnionPay, RuPay, Troy).
fn has_issuer(digits: &[u8]) -> bool {
    let first = digits.iter().take(4).fold(0_u16, |n, digit| n * 10 + u16::from(*digit));
    match first {
        4000..=4999 => matches!(digits.len(), 13 | 16 | 19),
        2200..=2204 | 2221..=2720 | 5100..=5599 | 8100..=8299 | 9792 => digits.len() == 16,
        3400..=3499 | 3700..=3799 => digits.len() == 15,
        3000..=3059 | 3095 | 3600..=3699 | 3800..=3999 => matches!(digits.len(), 14 | 16),
        3528..=3589 | 5000..=5099 | 5600..=5899 | 6000..=6999 => matches!(digits.len(), 16 | 19),
        _ => false,
    }
}

/// The sum of Luhn.
fn has_check_digit(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, u32::from(*digit)) {
            (0, digit) => digit,
            (_, digit) => digit * 2 / 10 + digit * 2 % 10,
        })
        .sum();
    sum.is_multiple_of(10)
}
