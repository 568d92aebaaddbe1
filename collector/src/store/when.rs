//! A point in time as people write it: `15m`, `2d`, `2026-11-21`, or RFC 3339.

use std::str::FromStr;
use std::time::Duration;

use veribus_core::Timestamp;
use veribus_core::escape::truncated;

/// A point in time. `15m` is fifteen minutes before now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct When(pub Timestamp);

/// Not a point in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is no time; use 30s, 15m, 2h, 7d, 2w (ago), a date like 2026-11-21, or RFC 3339")]
pub struct WhenError {
    value: String,
}

impl When {
    /// Reads `text`, counting back from `now`.
    ///
    /// # Errors
    /// [`WhenError`].
    pub fn parse(text: &str, now: Timestamp) -> Result<Self, WhenError> {
        let ago = || ago(text).map(|ago| now.saturating_sub(ago));
        let date = || (text.len() == 10).then(|| format!("{text}T00:00:00Z").parse().ok()).flatten();
        let time = ago().or_else(|| text.parse().ok()).or_else(date);
        time.map(When).ok_or_else(|| WhenError { value: truncated(text, 40).to_string() })
    }
}

impl FromStr for When {
    type Err = WhenError;

    fn from_str(text: &str) -> Result<Self, WhenError> {
        When::parse(text, Timestamp::now())
    }
}

fn ago(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return None,
    };
    if !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(Duration::from_secs(number.parse::<u64>().ok()?.checked_mul(seconds)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_write_time_in_these_ways() {
        let now = Timestamp::from_seconds(1_000_000);
        let at = |text| When::parse(text, now).map(|when| when.0.as_nanos() / 1_000_000_000);
        assert_eq!(at("15m"), Ok(1_000_000 - 900));
        assert_eq!(at("2d"), Ok(1_000_000 - 172_800));
        assert_eq!(at("1970-01-02"), Ok(86_400));
        assert_eq!(at("1970-01-01T00:00:07Z"), Ok(7));
        for bad in ["", "m", "-5m", "+5m", "5y", "yesterday", "2026-13-01", "ä", "99999999999999999999d"] {
            assert!(at(bad).is_err(), "{bad}");
        }
    }
}
