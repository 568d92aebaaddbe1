//! What can be wrong with an event, each with a stable code, the field, the limit and the actual value.

use std::fmt::Write as _;

/// An event that cannot be accepted, and why. [`EventError::code`] is stable and the same in every SDK.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// The event has no name.
    #[error("event name is empty; name what was checked, for example `login` or `jwt.signature`")]
    TypeEmpty,
    /// The name has a character or a length that is not allowed.
    #[error(
        "event name `{value}` is not allowed; use 1 to 128 of `a-z`, `0-9`, `_`, `-` and `.`, beginning with a letter or digit"
    )]
    TypeInvalid {
        /// At most 64 escaped bytes of what was given.
        value: String,
    },
    /// Not a severity.
    #[error("severity `{value}` is not known{}; one of informational, low, medium, high, critical, fatal, or 1 to 6", did_you_mean(.suggestion))]
    SeverityInvalid {
        /// At most 64 escaped bytes of what was given.
        value: String,
        /// The nearest allowed value, if one is near.
        suggestion: Option<&'static str>,
    },
    /// Not an outcome.
    #[error("outcome `{value}` is not known{}; one of success, failure, unknown", did_you_mean(.suggestion))]
    OutcomeInvalid {
        /// At most 64 escaped bytes of what was given.
        value: String,
        /// The nearest allowed value, if one is near.
        suggestion: Option<&'static str>,
    },
    /// NaN or infinite.
    #[error("`{field}` is not a finite number")]
    NumberNotFinite {
        /// Path of the field.
        field: String,
    },
    /// An integer below −2⁶³ or above 2⁶⁴ − 1, or out of its field's range.
    #[error("`{field}` is out of range; {allowed}")]
    NumberRange {
        /// Path of the field.
        field: String,
        /// What is allowed, in words.
        allowed: &'static str,
    },
    /// Not UTF-8.
    #[error("`{field}` is not valid UTF-8 at byte {offset}")]
    TextInvalid {
        /// Path of the field.
        field: String,
        /// First bad byte, from 0.
        offset: usize,
    },
    /// A string or byte value is too long.
    #[error("`{field}` has {actual} bytes; the limit is {limit}")]
    TextTooLong {
        /// Path of the field.
        field: String,
        /// Most bytes allowed.
        limit: usize,
        /// Bytes given.
        actual: usize,
    },
    /// The whole event is too large.
    #[error("the event has {actual} bytes; the limit is {limit}")]
    TooLarge {
        /// Most bytes allowed.
        limit: usize,
        /// Bytes given (at least).
        actual: usize,
    },
    /// Values are nested too deeply.
    #[error("`{field}` is nested deeper than {limit} levels")]
    TooDeep {
        /// Path of the field.
        field: String,
        /// Most levels allowed.
        limit: usize,
    },
    /// Too many attributes, or too many values in them.
    #[error("the event has {actual} {what}; the limit is {limit}")]
    TooManyFields {
        /// `attributes` or `attribute values`.
        what: &'static str,
        /// Most allowed.
        limit: usize,
        /// Number given (at least).
        actual: usize,
    },
    /// The same attribute twice.
    #[error("attribute `{field}` is given twice")]
    FieldDuplicate {
        /// The name.
        field: String,
    },
    /// An attribute name that belongs to the bus.
    #[error("attribute name `{field}` is reserved; choose another name")]
    FieldReserved {
        /// The name.
        field: String,
    },
    /// An attribute name that is empty, too long or has control characters.
    #[error("attribute name `{field}` is not allowed; use 1 to 128 bytes without control characters")]
    FieldInvalid {
        /// At most 64 escaped bytes of the name.
        field: String,
    },
    /// Not a time, or outside 1677-09-21 to 2262-04-11.
    #[error(
        "time `{value}` is not understood; use RFC 3339 between the years 1678 and 2261, for example 2026-11-21T10:00:00.5Z"
    )]
    TimeInvalid {
        /// At most 64 escaped bytes of what was given.
        value: String,
    },
    /// Not a trace context.
    #[error("trace context is invalid")]
    TraceInvalid(#[from] crate::trace::TraceError),
    /// Not an identity.
    #[error("id `{value}` is not {digits} hexadecimal digits")]
    IdInvalid {
        /// At most 64 escaped bytes of what was given.
        value: String,
        /// How many digits it takes.
        digits: usize,
    },
}

impl EventError {
    /// The stable code of this error, as it is written in documentation, metrics and HTTP answers.
    pub const fn code(&self) -> &'static str {
        match self {
            EventError::TypeEmpty => "EVT_TYPE_EMPTY",
            EventError::TypeInvalid { .. } => "EVT_TYPE_INVALID",
            EventError::SeverityInvalid { .. } => "EVT_SEVERITY_INVALID",
            EventError::OutcomeInvalid { .. } => "EVT_OUTCOME_INVALID",
            EventError::NumberNotFinite { .. } => "EVT_NUMBER_NOT_FINITE",
            EventError::NumberRange { .. } => "EVT_NUMBER_RANGE",
            EventError::TextInvalid { .. } => "EVT_TEXT_INVALID",
            EventError::TextTooLong { .. } => "EVT_TEXT_TOO_LONG",
            EventError::TooLarge { .. } => "EVT_TOO_LARGE",
            EventError::TooDeep { .. } => "EVT_TOO_DEEP",
            EventError::TooManyFields { .. } => "EVT_TOO_MANY_FIELDS",
            EventError::FieldDuplicate { .. } => "EVT_FIELD_DUPLICATE",
            EventError::FieldReserved { .. } => "EVT_FIELD_RESERVED",
            EventError::FieldInvalid { .. } => "EVT_FIELD_INVALID",
            EventError::TimeInvalid { .. } => "EVT_TIME_INVALID",
            EventError::TraceInvalid(_) => "EVT_TRACE_INVALID",
            EventError::IdInvalid { .. } => "EVT_ID_INVALID",
        }
    }
}

fn did_you_mean(suggestion: &Option<&'static str>) -> String {
    suggestion.map(|s| format!(", did you mean `{s}`?")).unwrap_or_default()
}

/// At most 64 bytes of hostile text, control and non-ASCII characters escaped, for an error message.
pub(crate) fn excerpt(text: &str) -> String {
    let mut shown = String::new();
    for ch in text.chars() {
        let before = shown.len();
        if ch.is_ascii_graphic() && ch != '`' || ch == ' ' {
            shown.push(ch);
        } else {
            // Writing to a String cannot fail.
            let _ = write!(shown, "{}", ch.escape_unicode());
        }
        if shown.len() > 64 {
            shown.truncate(before);
            shown.push('…');
            break;
        }
    }
    shown
}

/// The candidate at most two edits away from `text`, if there is one.
pub(crate) fn nearest(text: &str, candidates: &[&'static str]) -> Option<&'static str> {
    if text.len() > 32 {
        return None;
    }
    candidates.iter().map(|c| (edit_distance(text, c), *c)).filter(|(d, _)| *d <= 2).min().map(|(_, c)| c)
}

fn edit_distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let cost = usize::from(x != y);
            let next = (diagonal + cost).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], next);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_short_and_cannot_drive_a_terminal() {
        let shown = excerpt(&format!("\x1b[31m{}", "x".repeat(1000)));
        assert!(shown.starts_with("\\u{1b}[31mxxx"), "{shown}");
        assert!(shown.len() <= 64 + '…'.len_utf8());
    }

    #[test]
    fn the_nearest_name_is_at_most_two_edits_away() {
        assert_eq!(nearest("hgih", &["high", "low"]), Some("high"));
        assert_eq!(nearest("banana", &["high", "low"]), None);
    }
}
