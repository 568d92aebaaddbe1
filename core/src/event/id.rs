//! Identity is the sequence: a lost event is a visible hole.

use std::fmt;
use std::str::FromStr;

use super::error::{EventError, excerpt};

/// One start of one bus (and one side of each fork): 64 random bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(pub u64);

impl InstanceId {
    /// A fresh one from the operating system's randomness.
    ///
    /// Falls back to the address of a local and the process id if that source fails, which it does only
    /// in a sandbox without `getrandom` and `/dev/urandom`.
    pub fn random() -> Self {
        let fallback = || {
            let local = 0_u8;
            (std::ptr::from_ref(&local) as u64).rotate_left(32) ^ u64::from(std::process::id())
        };
        InstanceId(getrandom::u64().unwrap_or_else(|_| fallback()))
    }
}

impl fmt::Debug for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InstanceId({self})")
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for InstanceId {
    type Err = EventError;

    /// Reads 16 lower- or upper-case hexadecimal digits.
    ///
    /// # Errors
    /// [`EventError::IdInvalid`].
    fn from_str(text: &str) -> Result<Self, EventError> {
        parse_hex(text, 16).map(|bits| InstanceId(bits as u64))
    }
}

/// Identity of an event, 128 bits: `instance` (64) · `lane` (16) · `seq` (48).
///
/// A *lane* is one publishing thread's sequence, recycled with its counter when the thread ends; `seq`
/// counts from 1 and is given before any decision to drop, so a missing number is a lost event.
/// Ordered by instance, lane, sequence; printed as 32 hexadecimal digits.
///
/// ```
/// # use veribus_core::{EventId, InstanceId};
/// let id = EventId::new(InstanceId(0x1234), 7, 42);
/// assert_eq!(id.to_string(), "0000000000001234000700000000002a");
/// assert_eq!(id.to_string().parse(), Ok(id));
/// assert_eq!((id.lane(), id.seq()), (7, 42));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(u128);

impl EventId {
    /// The largest sequence number, 2⁴⁸ − 1: at a million events a second one lane lasts nine years.
    pub const SEQ_MAX: u64 = (1 << 48) - 1;

    /// Joins the three parts; bits of `seq` above 48 are cut off.
    #[inline]
    pub const fn new(instance: InstanceId, lane: u16, seq: u64) -> Self {
        EventId(((instance.0 as u128) << 64) | ((lane as u128) << 48) | (seq & Self::SEQ_MAX) as u128)
    }

    /// All 128 bits.
    pub const fn bits(self) -> u128 {
        self.0
    }

    /// The event with these 128 bits.
    pub const fn from_bits(bits: u128) -> Self {
        EventId(bits)
    }

    /// The bus start that published the event.
    pub const fn instance(self) -> InstanceId {
        InstanceId((self.0 >> 64) as u64)
    }

    /// The publishing thread's lane.
    pub const fn lane(self) -> u16 {
        (self.0 >> 48) as u16
    }

    /// The number within the lane, from 1.
    pub const fn seq(self) -> u64 {
        self.0 as u64 & Self::SEQ_MAX
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventId({self})")
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for EventId {
    type Err = EventError;

    /// Reads 32 hexadecimal digits.
    ///
    /// # Errors
    /// [`EventError::IdInvalid`].
    fn from_str(text: &str) -> Result<Self, EventError> {
        parse_hex(text, 32).map(EventId)
    }
}

fn parse_hex(text: &str, digits: usize) -> Result<u128, EventError> {
    let well_formed = text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit());
    let invalid = || EventError::IdInvalid { value: excerpt(text), digits };
    if !well_formed {
        return Err(invalid());
    }
    u128::from_str_radix(text, 16).map_err(|_| invalid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_come_back_at_their_extremes() {
        let id = EventId::new(InstanceId(u64::MAX), u16::MAX, EventId::SEQ_MAX);
        assert_eq!((id.instance(), id.lane(), id.seq()), (InstanceId(u64::MAX), u16::MAX, EventId::SEQ_MAX));
        assert_eq!(EventId::new(InstanceId(0), 0, 1).bits(), 1);
    }

    #[test]
    fn an_id_of_another_length_or_alphabet_is_refused() {
        for text in ["", "12", &"0".repeat(31), &"g".repeat(32), &"+".repeat(32)] {
            assert_eq!(text.parse::<EventId>().expect_err("refused").code(), "EVT_ID_INVALID");
        }
    }
}
