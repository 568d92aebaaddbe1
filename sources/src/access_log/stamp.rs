//! `10/Oct/2026:13:55:36 -0700`: the stamp of an access log, with its offset.

use veribus_core::Timestamp;

use crate::line::Unparsed;

/// Length of a stamp within its brackets.
pub(super) const BYTES: usize = 26;

/// Reads stamps and remembers the last, since many lines share a second.
#[derive(Debug, Default)]
pub(super) struct StampCache {
    text: [u8; BYTES],
    time: Timestamp,
}

impl StampCache {
    pub(super) fn time(&mut self, text: &str) -> Result<Timestamp, Unparsed> {
        let bytes: [u8; BYTES] = text.as_bytes().try_into().map_err(|_| Unparsed::Time)?;
        if bytes != self.text {
            self.time = parse(&bytes).ok_or(Unparsed::Time)?;
            self.text = bytes;
        }
        Ok(self.time)
    }
}

fn parse(text: &[u8; BYTES]) -> Option<Timestamp> {
    let digits = |at: usize, count: usize| {
        text[at..at + count]
            .iter()
            .try_fold(0, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
    };
    let marks = [(2, b'/'), (6, b'/'), (11, b':'), (14, b':'), (17, b':'), (20, b' ')];
    if marks.iter().any(|(at, mark)| text[*at] != *mark) {
        return None;
    }
    let month = crate::syslog::month_of([text[3], text[4], text[5]])?;
    let midnight = Timestamp::from_date(digits(7, 4)?, month, digits(0, 2)?)?;
    let (hour, minute, second) = (digits(12, 2)?, digits(15, 2)?, digits(18, 2)?);
    let (off_hours, off_minutes) = (digits(22, 2)?, digits(24, 2)?);
    if hour > 23 || minute > 59 || second > 60 || off_hours > 23 || off_minutes > 59 {
        return None;
    }
    let offset = off_hours * 3600 + off_minutes * 60;
    let offset = match text[21] {
        b'+' => offset,
        b'-' => -offset,
        _ => return None,
    };
    let seconds = hour * 3600 + minute * 60 + second - offset;
    midnight.as_nanos().checked_add(seconds * 1_000_000_000).map(Timestamp::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_with_its_offset() {
        let mut stamps = StampCache::default();
        let mut time = |text: &str| stamps.time(text).map(|t| t.to_string());
        assert_eq!(time("10/Oct/2000:13:55:36 -0700").as_deref(), Ok("2000-10-10T20:55:36.000000000Z"));
        assert_eq!(time("01/Jan/2026:00:30:00 +0100").as_deref(), Ok("2025-12-31T23:30:00.000000000Z"));
        for bad in
            ["30/Feb/2026:00:30:00 +0100", "10/Okt/2000:13:55:36 -0700", "10/Oct/2000 13:55:36 -0700", ""]
        {
            assert_eq!(time(bad), Err(Unparsed::Time), "{bad}");
        }
    }
}
