//! Stamps that leave out the year and the zone: `Dec 10 06:55:46`. The policy is [`SourceOptions`]'.

use veribus_core::Timestamp;

use crate::line::Unparsed;
use crate::options::SourceOptions;

const DAY: i64 = 86_400;
const NANOS: i64 = 1_000_000_000;
/// A jump back by more days than this begins the next year.
const BACK_DAYS_MAX: i64 = 180;
/// A jump ahead by more days than this is a late line of the year before.
const AHEAD_DAYS_MAX: i64 = 358;

/// Reads classic stamps of one input in their order, and remembers the day for the next one.
#[derive(Debug)]
pub(crate) struct ClassicClock {
    /// The last day that may be, in days since the epoch, local.
    day_max: i64,
    offset_seconds: i64,
    /// The month and day as they were written, and the day that they were.
    last: Option<([u8; 6], Day)>,
}

#[derive(Debug, Clone, Copy)]
struct Day {
    year: i64,
    /// Days since the epoch.
    number: i64,
}

impl ClassicClock {
    pub(crate) fn new(options: &SourceOptions) -> Self {
        let offset_seconds = i64::from(options.utc_offset_seconds);
        let local = options.reference.as_nanos().div_euclid(NANOS) + offset_seconds;
        ClassicClock { day_max: local.div_euclid(DAY) + 1, offset_seconds, last: None }
    }

    /// The time at the beginning of `line` and what follows the space after it.
    pub(crate) fn split_stamp<'a>(&mut self, line: &'a str) -> Result<(Timestamp, &'a str), Unparsed> {
        let bytes = line.as_bytes();
        // `Dec 10 `, `Dec  1 `, and `Dec 1 ` of some tools.
        let (day_text, clock_at) = match bytes {
            [a, b, c, b' ', d, e, b' ', ..] => ([*a, *b, *c, b' ', *d, *e], 7),
            [a, b, c, b' ', e, b' ', ..] => ([*a, *b, *c, b' ', b' ', *e], 6),
            _ => return Err(Unparsed::Shape),
        };
        let (seconds, nanos, end) = parse_clock(&bytes[clock_at..])?;
        let rest = line.get(clock_at + end..).and_then(|r| r.strip_prefix(' ')).ok_or(Unparsed::Shape)?;
        let day = match self.last {
            Some((text, day)) if text == day_text => day,
            _ => {
                let day = self.infer(parse_month_day(&day_text)?).ok_or(Unparsed::Time)?;
                self.last = Some((day_text, day));
                day
            }
        };
        let second = day.number * DAY + seconds - self.offset_seconds;
        let time = second.checked_mul(NANOS).and_then(|n| n.checked_add(nanos)).ok_or(Unparsed::Time)?;
        Ok((Timestamp::from_nanos(time), rest))
    }

    /// The day of this month and day of month, by the policy.
    fn infer(&self, (month, day): (i64, i64)) -> Option<Day> {
        let number = |year| Some(Timestamp::from_date(year, month, day)?.as_nanos().div_euclid(DAY * NANOS));
        let latest = Timestamp::from_seconds(self.day_max * DAY).date().0;
        // 29 February is compared as the day before it, which every year has.
        let comparable = |year| {
            number(year)
                .or_else(|| Some(Timestamp::from_date(year, month, day - 1)?.as_nanos() / (DAY * NANOS)))
        };
        let mut year = match self.last {
            None => latest,
            Some((_, last)) => {
                let ahead = comparable(last.year)? - last.number;
                last.year + i64::from(ahead < -BACK_DAYS_MAX) - i64::from(ahead > AHEAD_DAYS_MAX)
            }
        };
        if comparable(year)? > self.day_max {
            year -= 1;
        }
        (year - 8..=year).rev().find_map(|year| Some(Day { year, number: number(year)? }))
    }
}

/// `HH:MM:SS` with up to nine digits of fraction: seconds of the day, nanoseconds, bytes read.
fn parse_clock(text: &[u8]) -> Result<(i64, i64, usize), Unparsed> {
    let [h1, h2, b':', m1, m2, b':', s1, s2, rest @ ..] = text else { return Err(Unparsed::Shape) };
    let (hour, minute, second) = (two(*h1, *h2)?, two(*m1, *m2)?, two(*s1, *s2)?);
    if hour > 23 || minute > 59 || second > 60 {
        return Err(Unparsed::Time);
    }
    let seconds = hour * 3600 + minute * 60 + second;
    let [b'.' | b',', rest @ ..] = rest else { return Ok((seconds, 0, 8)) };
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    if digits == 0 || digits > 9 {
        return Err(Unparsed::Time);
    }
    let fraction = rest[..digits].iter().fold(0, |n, b| n * 10 + i64::from(b - b'0'));
    Ok((seconds, fraction * 10_i64.pow(9 - digits as u32), 9 + digits))
}

fn two(tens: u8, ones: u8) -> Result<i64, Unparsed> {
    let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
    if digits { Ok(i64::from(tens - b'0') * 10 + i64::from(ones - b'0')) } else { Err(Unparsed::Shape) }
}

fn parse_month_day(text: &[u8; 6]) -> Result<(i64, i64), Unparsed> {
    let month = month_of([text[0], text[1], text[2]]).ok_or(Unparsed::Shape)?;
    let tens = if text[4] == b' ' { b'0' } else { text[4] };
    Ok((month, two(tens, text[5])?))
}

/// 1 to 12 of an English month's first three letters, spelled as `Jan`.
pub(crate) fn month_of(name: [u8; 3]) -> Option<i64> {
    const NAMES: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let index = NAMES.chunks_exact(3).position(|month| month == name)?;
    Some(index as i64 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The dates given to stamps of `days`, in order, in a file last changed at `reference`.
    fn dates(reference: &str, days: &[&str]) -> Vec<String> {
        let options = SourceOptions::new(format!("{reference}T12:00:00Z").parse().expect("a time"));
        let mut clock = ClassicClock::new(&options);
        let mut date = |day: &&str| {
            let line = format!("{day} 10:00:00 x");
            let (time, rest) = clock.split_stamp(&line).expect("read");
            assert_eq!(rest, "x");
            time.to_string()[..10].to_owned()
        };
        days.iter().map(&mut date).collect()
    }

    #[test]
    fn the_first_stamp_is_not_in_the_future_of_its_file() {
        assert_eq!(dates("2026-12-24", &["Dec 10"]), ["2026-12-10"]);
        assert_eq!(dates("2026-12-09", &["Dec 10"]), ["2026-12-10"]);
        assert_eq!(dates("2026-12-08", &["Dec 10"]), ["2025-12-10"]);
        assert_eq!(dates("2026-12-31", &["Jan  2"]), ["2026-01-02"]);
        assert_eq!(dates("2026-01-01", &["Dec 31"]), ["2025-12-31"]);
    }

    #[test]
    fn new_year_within_a_file_begins_the_next_year() {
        let found = dates("2027-02-01", &["Dec 31", "Jan  1", "Dec 31", "Jan 2"]);
        assert_eq!(found, ["2026-12-31", "2027-01-01", "2026-12-31", "2027-01-02"]);
        let found = dates("2027-12-31", &["Dec 10", "Jan  5"]);
        assert_eq!(found, ["2027-12-10", "2027-01-05"], "never later than the file");
    }

    #[test]
    fn a_repeated_log_or_a_long_silence_does_not_change_the_year() {
        assert_eq!(
            dates("2026-12-24", &["Dec 10", "Dec  9", "Dec 10"]),
            ["2026-12-10", "2026-12-09", "2026-12-10"]
        );
        assert_eq!(dates("2026-12-24", &["Jan 10", "Nov 10"]), ["2026-01-10", "2026-11-10"]);
    }

    #[test]
    fn a_leap_day_belongs_to_a_leap_year() {
        assert_eq!(dates("2026-12-24", &["Feb 29", "Mar  1"]), ["2024-02-29", "2024-03-01"]);
        assert_eq!(dates("2024-03-01", &["Feb 28", "Feb 29"]), ["2024-02-28", "2024-02-29"]);
    }

    #[test]
    fn an_offset_moves_the_stamp_to_utc() {
        let options =
            SourceOptions::new("2026-12-24T00:00:00Z".parse().expect("a time")).utc_offset_seconds(3600);
        let mut clock = ClassicClock::new(&options);
        let (time, _) = clock.split_stamp("Dec 10 00:30:00 x").expect("read");
        assert_eq!(time.to_string(), "2026-12-09T23:30:00.000000000Z");
    }

    proptest! {
        #[test]
        fn no_date_is_later_than_the_day_after_the_reference(
            reference in 0_i64..4_102_444_800,
            days in prop::collection::vec((0_usize..12, 1_u32..=28), 1..20),
        ) {
            const MONTHS: [&str; 12] =
                ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
            let mut clock = ClassicClock::new(&SourceOptions::new(Timestamp::from_seconds(reference)));
            for (month, day) in days {
                let line = format!("{} {day:2} 00:00:00 x", MONTHS[month]);
                let (time, _) = clock.split_stamp(&line).expect("read");
                prop_assert!(time.as_nanos() / NANOS <= reference + DAY);
                prop_assert_eq!((time.date().1, time.date().2), (month as i64 + 1, i64::from(day)));
            }
        }
    }
}
