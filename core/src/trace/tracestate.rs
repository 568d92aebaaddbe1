//! The `tracestate` header: what other vendors keep beside the trace, passed on unchanged.

use std::fmt;
use std::str::FromStr;

use crate::event::Text;

/// Most members of a list.
const MEMBERS_MAX: usize = 32;
/// Longest key and longest value, in characters.
const PART_CHARS_MAX: usize = 256;
/// Members longer than this go first when a header must become shorter.
const LONG_MEMBER_CHARS: usize = 128;

/// At most 32 members `key=value`, the latest written first.
///
/// Source: W3C Trace Context, section 3.3.
///
/// ```
/// use veribus_core::trace::TraceState;
/// let mut state = TraceState::parse("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")?;
/// state.insert("congo", "ucfJifl5GOE")?;
/// assert_eq!(state.to_string(), "congo=ucfJifl5GOE,rojo=00f067aa0ba902b7");
/// # Ok::<(), veribus_core::trace::TraceStateError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TraceState(Vec<Member>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Member {
    key: Text,
    value: Text,
}

impl Member {
    fn chars(&self) -> usize {
        self.key.len() + 1 + self.value.len()
    }
}

/// Why a `tracestate` cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TraceStateError {
    /// More than 32 members.
    #[error("`tracestate` has more than 32 members")]
    TooMany,
    /// A member that is not `key=value`, or a key outside of its alphabet or its 256 characters.
    #[error("`tracestate` member {member} has a key that is not 1 to 256 of a-z 0-9 _ - * / @")]
    Key {
        /// Place of the member, from 0.
        member: usize,
    },
    /// A value outside of its alphabet or its 256 characters.
    #[error("`tracestate` member {member} has a value that is not 1 to 256 printable ASCII without , and =")]
    Value {
        /// Place of the member, from 0.
        member: usize,
    },
    /// A key that stands twice.
    #[error("`tracestate` member {member} repeats a key")]
    Duplicate {
        /// Place of the second one, from 0.
        member: usize,
    },
}

impl TraceState {
    /// No members; allocates nothing.
    pub const fn new() -> Self {
        TraceState(Vec::new())
    }

    /// Parses the header, or several joined with commas. Empty members, and spaces and tabs around members, are
    /// allowed and not kept.
    ///
    /// # Errors
    /// [`TraceStateError`]; the list is then to be dropped, the `traceparent` is not.
    pub fn parse(header: &str) -> Result<Self, TraceStateError> {
        let mut state = TraceState::new();
        let members = header.split(',').map(|m| m.trim_matches([' ', '\t'])).filter(|m| !m.is_empty());
        for (index, member) in members.enumerate() {
            if index == MEMBERS_MAX {
                return Err(TraceStateError::TooMany);
            }
            let (key, value) = member.split_once('=').ok_or(TraceStateError::Key { member: index })?;
            check(key, value, index)?;
            if state.get(key).is_some() {
                return Err(TraceStateError::Duplicate { member: index });
            }
            state.0.push(Member { key: key.into(), value: value.into() });
        }
        Ok(state)
    }

    /// Sets `key` and puts it to the front; the last member falls out where it would be the 33rd, and its key is
    /// returned.
    ///
    /// # Errors
    /// [`TraceStateError::Key`] or [`TraceStateError::Value`]; the list is then unchanged.
    pub fn insert(&mut self, key: &str, value: &str) -> Result<Option<Text>, TraceStateError> {
        check(key, value, 0)?;
        self.remove(key);
        self.0.insert(0, Member { key: key.into(), value: value.into() });
        let fallen = if self.0.len() > MEMBERS_MAX { self.0.pop() } else { None };
        Ok(fallen.map(|member| member.key))
    }

    /// Takes `key` out; whether it was there.
    pub fn remove(&mut self, key: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|member| member.key != *key);
        self.0.len() < before
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|member| member.key == *key).map(|member| member.value.as_str())
    }

    /// Keys and values, the latest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|member| (member.key.as_str(), member.value.as_str()))
    }

    /// Number of members, 0 to 32.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Leaves out whole members until the header has at most `chars_max` characters: first those longer than 128,
    /// then others, both from the end. Returns how many were left out.
    ///
    /// A sender passes on at least 512 characters.
    ///
    /// Source: W3C Trace Context, section 3.3.1.5.
    pub fn truncate(&mut self, chars_max: usize) -> usize {
        let before = self.0.len();
        while self.header_chars() > chars_max {
            match self.0.iter().rposition(|member| member.chars() > LONG_MEMBER_CHARS) {
                Some(long) => drop(self.0.remove(long)),
                None => drop(self.0.pop()),
            }
        }
        before - self.0.len()
    }

    fn header_chars(&self) -> usize {
        self.0.iter().map(Member::chars).sum::<usize>() + self.0.len().saturating_sub(1)
    }
}

fn check(key: &str, value: &str, member: usize) -> Result<(), TraceStateError> {
    let begins = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let key_good = key.len() <= PART_CHARS_MAX
        && key.as_bytes().first().is_some_and(begins)
        && key.bytes().all(|b| begins(&b) || matches!(b, b'_' | b'-' | b'*' | b'/' | b'@'));
    if !key_good {
        return Err(TraceStateError::Key { member });
    }
    let value_good = (1..=PART_CHARS_MAX).contains(&value.len())
        && value.bytes().all(|b| (0x20..0x7f).contains(&b) && b != b',' && b != b'=')
        && !value.ends_with(' ');
    if value_good { Ok(()) } else { Err(TraceStateError::Value { member }) }
}

/// The header; empty if there are no members.
impl fmt::Display for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, member) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{}={}", member.key, member.value)?;
        }
        Ok(())
    }
}

impl FromStr for TraceState {
    type Err = TraceStateError;

    /// As [`TraceState::parse`].
    fn from_str(header: &str) -> Result<Self, TraceStateError> {
        TraceState::parse(header)
    }
}
