//! How bad it is: the severities of OCSF, under their names and numbers.

use std::fmt;
use std::str::FromStr;

use super::error::EventError;

/// Severity of an event; the discriminant is OCSF's `severity_id`.
///
/// Ordered: `Severity::Low < Severity::High`.
///
/// Source: OCSF 1.9, base event, `severity_id` (0 Unknown and 99 Other are not produced by veribus).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum Severity {
    /// 1: no action needed.
    #[default]
    Informational = 1,
    /// 2: worth knowing.
    Low = 2,
    /// 3: to be looked at in time.
    Medium = 3,
    /// 4: to be looked at soon.
    High = 4,
    /// 5: to be looked at now; wakes the dispatcher at once.
    Critical = 5,
    /// 6: something has already been lost or destroyed.
    Fatal = 6,
}

impl Severity {
    /// Every severity, mildest first.
    pub const ALL: [Severity; 6] = [
        Severity::Informational,
        Severity::Low,
        Severity::Medium,
        Severity::High,
        Severity::Critical,
        Severity::Fatal,
    ];

    /// OCSF `severity_id`, 1 to 6.
    #[inline]
    pub const fn id(self) -> u8 {
        self as u8
    }

    /// The severity with this OCSF `severity_id`, if it is 1 to 6.
    pub const fn from_id(id: u8) -> Option<Severity> {
        match id {
            1 => Some(Severity::Informational),
            2 => Some(Severity::Low),
            3 => Some(Severity::Medium),
            4 => Some(Severity::High),
            5 => Some(Severity::Critical),
            6 => Some(Severity::Fatal),
            _ => None,
        }
    }

    /// The lower-case name, as it stands in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Informational => "informational",
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
            Severity::Fatal => "fatal",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Severity {
    type Err = EventError;

    /// Reads a name (`"high"`) or an OCSF number (`"4"`).
    ///
    /// # Errors
    /// [`EventError::SeverityInvalid`], with the nearest name as a suggestion.
    fn from_str(text: &str) -> Result<Self, EventError> {
        if let Some(severity) = Severity::ALL.into_iter().find(|s| s.as_str() == text) {
            return Ok(severity);
        }
        if let Some(severity) = text.parse().ok().and_then(Severity::from_id) {
            return Ok(severity);
        }
        let suggestion = super::error::nearest(text, &Severity::ALL.map(Severity::as_str));
        Err(EventError::SeverityInvalid { value: super::error::excerpt(text), suggestion })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_ocsf_and_come_back() {
        for severity in Severity::ALL {
            assert_eq!(Severity::from_id(severity.id()), Some(severity));
            assert_eq!(severity.as_str().parse::<Severity>(), Ok(severity));
        }
        assert_eq!(Severity::from_id(0), None);
        assert_eq!(Severity::from_id(7), None);
    }

    #[test]
    fn a_misspelt_severity_is_answered_with_the_nearest_one() {
        let error = "hgih".parse::<Severity>().expect_err("not a severity");
        assert_eq!(error.code(), "EVT_SEVERITY_INVALID");
        assert!(error.to_string().contains("`high`"), "{error}");
    }
}
