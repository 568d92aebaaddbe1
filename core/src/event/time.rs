//! Wall-clock time of an event: recorded, never trusted for order.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::error::{EventError, excerpt};

/// Nanoseconds since 1970-01-01T00:00:00 UTC, leap seconds not counted: 1677-09-21 to 2262-04-11.
///
/// Printed and read as RFC 3339, always with nine digits and `Z`: `2026-11-21T10:00:00.000000001Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// Bytes of a printed [`Timestamp`].
const PRINTED_BYTES: usize = 30;
const NANOS: i64 = 1_000_000_000;

impl Timestamp {
    /// The time at `nanos` nanoseconds since the Unix epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Timestamp(nanos)
    }

    /// The time at `seconds` since the Unix epoch, saturating at the ends of the range.
    pub const fn from_seconds(seconds: i64) -> Self {
        Timestamp(seconds.saturating_mul(NANOS))
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// The system's clock now.
    pub fn now() -> Self {
        SystemTime::now().into()
    }

    /// This time and `duration` more, saturating.
    pub fn saturating_add(self, duration: Duration) -> Self {
        Timestamp(self.0.saturating_add(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// This time and `duration` less, saturating.
    pub fn saturating_sub(self, duration: Duration) -> Self {
        Timestamp(self.0.saturating_sub(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero if it is not.
    pub fn saturating_since(self, earlier: Timestamp) -> Duration {
        Duration::from_nanos(u64::try_from(i128::from(self.0) - i128::from(earlier.0)).unwrap_or(0))
    }

    /// Midnight UTC of a date of the Gregorian calendar: month 1 to 12, day 1 to 31.
    ///
    /// `None` where there is no such day, or none within the range of this type.
    pub fn from_date(year: i64, month: i64, day: i64) -> Option<Self> {
        let plausible = (1677..=2262).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
        let days = plausible.then(|| days_from_civil(year, month, day))?;
        let real = civil_from_days(days) == (year, month, day);
        real.then(|| days.checked_mul(86_400 * NANOS)).flatten().map(Timestamp)
    }

    /// Year, month 1 to 12 and day 1 to 31 in UTC.
    pub fn date(self) -> (i64, i64, i64) {
        civil_from_days(self.0.div_euclid(86_400 * NANOS))
    }

    /// Writes RFC 3339 with nine digits, 30 ASCII bytes, without an allocation.
    pub fn write_rfc3339(self, out: &mut [u8; PRINTED_BYTES]) {
        let (days, of_day) = (self.0.div_euclid(86_400 * NANOS), self.0.rem_euclid(86_400 * NANOS));
        let (year, month, day) = civil_from_days(days);
        let (seconds, nanos) = ((of_day / NANOS) as u32, (of_day % NANOS) as u32);
        *out = *b"0000-00-00T00:00:00.000000000Z";
        let (year, minutes) = (year as u32, seconds / 60);
        put_two(out, 0, year / 100);
        put_two(out, 2, year % 100);
        put_two(out, 5, month as u32);
        put_two(out, 8, day as u32);
        put_two(out, 11, minutes / 60);
        put_two(out, 14, minutes % 60);
        put_two(out, 17, seconds % 60);
        let (upper, lower) = (nanos / 10_000, nanos % 10_000);
        out[20] = b'0' + (upper / 10_000) as u8;
        put_two(out, 21, upper / 100 % 100);
        put_two(out, 23, upper % 100);
        put_two(out, 25, lower / 100);
        put_two(out, 27, lower % 100);
    }
}

/// Writes the two digits of `number`, which is below 100, at `at`.
#[inline(always)]
fn put_two(out: &mut [u8; PRINTED_BYTES], at: usize, number: u32) {
    [out[at], out[at + 1]] = PAIRS[number as usize % 100];
}

/// The two digits of each number below 100.
pub(crate) const PAIRS: [[u8; 2]; 100] = {
    let (mut pairs, mut number) = ([[0; 2]; 100], 0);
    while number < pairs.len() {
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
};

/// Year, month 1 to 12, day 1 to 31 of a day counted from 1970-01-01 in the Gregorian calendar.
///
/// Source: Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    // No day of this type's range is before the year 0: small numbers without a sign divide faster.
    let shifted = (days + 719_468) as u32;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u32::from(month <= 2);
    (i64::from(year), i64::from(month), i64::from(day))
}

/// Days from 1970-01-01 to a date of the Gregorian calendar; the inverse of [`civil_from_days`].
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Timestamp(0).saturating_add(after),
            Err(before) => Timestamp(0).saturating_sub(before.duration()),
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = [0; PRINTED_BYTES];
        self.write_rfc3339(&mut out);
        f.pad(std::str::from_utf8(&out).expect("digits and punctuation are ASCII"))
    }
}

impl FromStr for Timestamp {
    type Err = EventError;

    /// Reads RFC 3339: date, `T`, `t` or a space, time with up to nine digits of fraction, `Z` or an offset.
    /// A leap second (`:60`) is read as the second after it.
    ///
    /// # Errors
    /// [`EventError::TimeInvalid`].
    fn from_str(text: &str) -> Result<Self, EventError> {
        parse_rfc3339(text.as_bytes()).ok_or_else(|| EventError::TimeInvalid { value: excerpt(text) })
    }
}

fn parse_rfc3339(text: &[u8]) -> Option<Timestamp> {
    let number = |range: std::ops::Range<usize>| digits(text.get(range)?);
    let is = |at: usize, allowed: &[u8]| text.get(at).is_some_and(|b| allowed.contains(b));
    if !(is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":")) {
        return None;
    }
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let real_day = civil_from_days(days_from_civil(year, month, day)) == (year, month, day);
    if !real_day || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut at = 19;
    let mut nanos = 0;
    if is(at, b".") {
        let end = (at + 1..text.len()).find(|i| !text[*i].is_ascii_digit()).unwrap_or(text.len());
        let fraction = &text[at + 1..end];
        if fraction.is_empty() || fraction.len() > 9 {
            return None;
        }
        nanos = digits(fraction)? * 10_i64.pow(9 - fraction.len() as u32);
        at = end;
    }
    let offset = match &text[at..] {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 3600 + minutes * 60) * if *sign == b'-' { -1 } else { 1 }
        }
        _ => return None,
    };
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
    i64::try_from(i128::from(seconds) * i128::from(NANOS) + i128::from(nanos)).ok().map(Timestamp)
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_times_print_as_known() {
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(Timestamp(-1).to_string(), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(Timestamp(951_782_400 * NANOS).to_string(), "2000-02-29T00:00:00.000000000Z");
        assert_eq!(Timestamp(i64::MAX).to_string(), "2262-04-11T23:47:16.854775807Z");
        assert_eq!(Timestamp(i64::MIN).to_string(), "1677-09-21T00:12:43.145224192Z");
    }

    #[test]
    fn offsets_fractions_and_leap_seconds_are_read() {
        let time = |text: &str| text.parse::<Timestamp>().map(Timestamp::as_nanos);
        assert_eq!(time("1970-01-01T01:00:00+01:00"), Ok(0));
        assert_eq!(time("1970-01-01 00:00:00.5z"), Ok(NANOS / 2));
        assert_eq!(time("2016-12-31T23:59:60Z"), time("2017-01-01T00:00:00Z"));
        for bad in [
            "",
            "2026",
            "2026-02-30T00:00:00Z",
            "9999-01-01T00:00:00Z",
            "1600-01-01T00:00:00Z",
            "2026-11-21T24:00:00Z",
            "2026-11-21T10:00:00",
            "2026-11-21T10:00:00.Z",
            "2026-11-21T10:00:00+25:00",
        ] {
            assert_eq!(time(bad).expect_err(bad).code(), "EVT_TIME_INVALID");
        }
    }

    proptest! {
        #[test]
        fn every_date_is_found_again(nanos in any::<i64>()) {
            let (year, month, day) = Timestamp::from_nanos(nanos).date();
            let Some(midnight) = Timestamp::from_date(year, month, day) else {
                prop_assert_eq!((year, month, day), (1677, 9, 21));
                return Ok(());
            };
            prop_assert!(nanos - midnight.as_nanos() < 86_400 * NANOS && midnight.as_nanos() <= nanos);
            prop_assert_eq!(midnight.date(), (year, month, day));
        }

        #[test]
        fn every_time_prints_and_comes_back(nanos in any::<i64>()) {
            let time = Timestamp::from_nanos(nanos);
            prop_assert_eq!(time.to_string().parse::<Timestamp>(), Ok(time));
        }
    }
}
