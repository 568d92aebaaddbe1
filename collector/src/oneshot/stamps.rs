//! What syslog stamps leave open, as the person said it: the year and the zone.

use std::str::FromStr;

use veribus_core::Timestamp;
use veribus_sources::SourceOptions;

/// A year from 1970 to 2261, and an offset from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamps {
    /// The year in which the last lines were written; without it the time of the file's last change says.
    pub year: Option<u16>,
    /// How far the log's clock is ahead of UTC.
    pub offset: UtcOffset,
}

impl Stamps {
    /// The options for a file that was written to last at `written`.
    pub(super) fn for_file(self, written: Timestamp) -> SourceOptions {
        let ahead = i64::from(self.offset.seconds);
        let reference = match self.year {
            None => written,
            // A source takes dates up to a day after its reference: this allows the whole year, no more.
            Some(year) => last_second_but_a_day(year, ahead),
        };
        SourceOptions::new(reference).utc_offset_seconds(self.offset.seconds)
    }

    /// The year on the log's own clock that nobody said, if `line` of a system log left it out and `time` was
    /// made of it.
    pub(super) fn assumed_year(self, line: &[u8], time: Timestamp) -> Option<i64> {
        let ahead = i64::from(self.offset.seconds) * 1_000_000_000;
        let local = Timestamp::from_nanos(time.as_nanos().saturating_add(ahead));
        (self.year.is_none() && lacks_a_year(line)).then(|| local.date().0)
    }
}

/// The months as classic syslog stamps begin with them.
const MONTHS: [&[u8]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// Whether a line of a system log begins with a stamp that has no year, behind an optional `<PRI>`.
fn lacks_a_year(line: &[u8]) -> bool {
    let line = match line {
        [b'<', rest @ ..] => rest.splitn(2, |byte| *byte == b'>').nth(1).unwrap_or_default(),
        line => line,
    };
    line.get(3) == Some(&b' ') && MONTHS.contains(&&line[..3])
}

fn last_second_but_a_day(year: u16, ahead_seconds: i64) -> Timestamp {
    let local: Timestamp = format!("{year:04}-12-30T23:59:59Z").parse().unwrap_or_else(|_| Timestamp::now());
    Timestamp::from_nanos(local.as_nanos().saturating_sub(ahead_seconds * 1_000_000_000))
}

/// A distance from UTC: `+02:00`, `-0530`, `Z`; at most 14 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UtcOffset {
    seconds: i32,
}

impl FromStr for UtcOffset {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid =
            || "expected an offset from -14:00 to +14:00, for example +02:00, -0530 or Z".to_owned();
        if matches!(text, "Z" | "z" | "UTC" | "utc" | "0") {
            return Ok(UtcOffset::default());
        }
        let (sign, digits) = match text.as_bytes() {
            [b'+', digits @ ..] => (1, digits),
            [b'-', digits @ ..] => (-1, digits),
            _ => return Err(invalid()),
        };
        let (hours, minutes) = match digits {
            [h1, h2] => ([*h1, *h2], [b'0', b'0']),
            [h1, h2, m1, m2] | [h1, h2, b':', m1, m2] => ([*h1, *h2], [*m1, *m2]),
            _ => return Err(invalid()),
        };
        let (hours, minutes) = two_digits(hours).zip(two_digits(minutes)).ok_or_else(invalid)?;
        let seconds = hours * 3600 + minutes * 60;
        if minutes > 59 || seconds > 14 * 3600 {
            return Err(invalid());
        }
        Ok(UtcOffset { seconds: sign * seconds })
    }
}

fn two_digits([tens, ones]: [u8; 2]) -> Option<i32> {
    let both = tens.is_ascii_digit() && ones.is_ascii_digit();
    both.then(|| i32::from(tens - b'0') * 10 + i32::from(ones - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use veribus_sources::{Format, source_for};

    fn time_of(stamp: &str, stamps: Stamps) -> String {
        let line = format!("{stamp} host sshd[1]: Failed password for root from 192.0.2.1 port 22 ssh2");
        let written: Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
        let mut events = Vec::new();
        source_for(Format::OpenSsh, &stamps.for_file(written)).line(line.as_bytes(), &mut events);
        events[0].time.to_string()
    }

    #[test]
    fn a_named_year_holds_for_all_of_it_and_in_the_zone_that_was_named() {
        let stamps = |offset: &str| Stamps { year: Some(2015), offset: offset.parse().unwrap() };
        for offset in ["Z", "+14:00", "-1200"] {
            assert!(time_of("Jan  2 12:00:00", stamps(offset)).starts_with("2015-01-02") || offset != "Z");
            let last = time_of("Dec 31 23:59:59", stamps(offset)).parse::<Timestamp>().unwrap();
            let utc: Timestamp = "2015-12-31T23:59:59Z".parse().unwrap();
            let ahead = i64::from(stamps(offset).offset.seconds);
            assert_eq!(last.as_nanos(), utc.as_nanos() - ahead * 1_000_000_000, "{offset}");
        }
        assert!(time_of("Jul  1 12:00:00", Stamps::default()).starts_with("2025-07-01"));
    }

    #[test]
    fn a_year_is_assumed_where_neither_the_stamp_nor_the_person_says_it() {
        let east = Stamps { year: None, offset: "+02:00".parse().unwrap() };
        let time = "2025-12-31T23:00:00Z".parse().unwrap();
        assert_eq!(east.assumed_year(b"Jan  1 01:00:00 host sshd[1]: x", time), Some(2026));
        assert_eq!(Stamps::default().assumed_year(b"<38>Dec 31 23:00:00 host sshd[1]: x", time), Some(2025));
        for line in
            ["2025-12-31T23:00:00Z host x", "<38>1 2025-12-31T23:00:00Z", "{\"a\": 1}", "Jan", "<", ""]
        {
            assert_eq!(east.assumed_year(line.as_bytes(), time), None, "{line}");
        }
        assert_eq!(Stamps { year: Some(2025), ..east }.assumed_year(b"Dec 31 23:00:00 host", time), None);
    }

    #[test]
    fn offsets_are_read_as_they_are_written_anywhere() {
        for (text, seconds) in [("Z", 0), ("+02:00", 7200), ("-0530", -19_800), ("+14", 50_400)] {
            assert_eq!(text.parse::<UtcOffset>().unwrap().seconds, seconds, "{text}");
        }
        for text in ["", "2", "+2", "+15:00", "+02:60", "+0x:00", "CET"] {
            text.parse::<UtcOffset>().expect_err(text);
        }
    }
}
