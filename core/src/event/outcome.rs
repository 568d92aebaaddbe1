//! How a verification ended.

use std::fmt;
use std::str::FromStr;

use super::error::{EventError, excerpt, nearest};

/// The result of a verification; the discriminant is OCSF's `status_id`.
///
/// Source: OCSF 1.9, base event, `status_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum Outcome {
    /// 0: not known, or the check never came to an end.
    #[default]
    Unknown = 0,
    /// 1: the check passed; access was allowed.
    Success = 1,
    /// 2: the check failed; access was denied.
    Failure = 2,
}

impl Outcome {
    /// Every outcome, by number.
    pub const ALL: [Outcome; 3] = [Outcome::Unknown, Outcome::Success, Outcome::Failure];

    /// OCSF `status_id`, 0 to 2.
    #[inline]
    pub const fn id(self) -> u8 {
        self as u8
    }

    /// The outcome with this OCSF `status_id`, if it is 0 to 2.
    pub const fn from_id(id: u8) -> Option<Outcome> {
        match id {
            0 => Some(Outcome::Unknown),
            1 => Some(Outcome::Success),
            2 => Some(Outcome::Failure),
            _ => None,
        }
    }

    /// The lower-case name, as it stands in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Unknown => "unknown",
            Outcome::Success => "success",
            Outcome::Failure => "failure",
        }
    }
}

/// `true` is [`Outcome::Success`], `false` is [`Outcome::Failure`].
impl From<bool> for Outcome {
    fn from(passed: bool) -> Self {
        if passed { Outcome::Success } else { Outcome::Failure }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Outcome {
    type Err = EventError;

    /// Reads `"success"`, `"failure"` or `"unknown"`.
    ///
    /// # Errors
    /// [`EventError::OutcomeInvalid`], with the nearest name as a suggestion.
    fn from_str(text: &str) -> Result<Self, EventError> {
        Outcome::ALL.into_iter().find(|o| o.as_str() == text).ok_or_else(|| EventError::OutcomeInvalid {
            value: excerpt(text),
            suggestion: nearest(text, &Outcome::ALL.map(Outcome::as_str)),
        })
    }
}
