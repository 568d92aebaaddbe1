//! One encoded batch on its way, under an id that never changes however often it is sent.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::event::EventError;

/// Identity of a parcel: 64 bits of the sender's start, 64 that count its parcels; 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParcelId(u128);

impl ParcelId {
    /// The `number`th parcel of the sender `start`, which is random.
    pub const fn new(start: u64, number: u64) -> Self {
        ParcelId(((start as u128) << 64) | number as u128)
    }

    /// The sender's start.
    pub const fn start(self) -> u64 {
        (self.0 >> 64) as u64
    }

    /// Which of the sender's parcels.
    pub const fn number(self) -> u64 {
        self.0 as u64
    }
}

impl fmt::Display for ParcelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for ParcelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ParcelId({self})")
    }
}

impl FromStr for ParcelId {
    type Err = EventError;

    /// Reads 32 hexadecimal digits.
    ///
    /// # Errors
    /// [`EventError::IdInvalid`].
    fn from_str(text: &str) -> Result<Self, EventError> {
        text.parse().map(|id: crate::event::EventId| ParcelId(id.bits()))
    }
}

/// How the body of a parcel is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// Zstandard, RFC 8878, one frame that states its content's size.
    Zstd,
}

impl Compression {
    /// The name in `Content-Encoding`: `identity` or `zstd`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Compression::None => "identity",
            Compression::Zstd => "zstd",
        }
    }

    /// By its name in `Content-Encoding`; an empty one is `identity`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "" | "identity" => Some(Compression::None),
            "zstd" => Some(Compression::Zstd),
            _ => None,
        }
    }
}

/// One MessagePack batch, encoded and maybe compressed.
#[derive(Clone, PartialEq, Eq)]
pub struct Parcel {
    /// Its identity; what receipts name.
    pub id: ParcelId,
    /// How many events are in it; may be 0, for losses alone.
    pub events: u32,
    /// How `body` is compressed.
    pub compression: Compression,
    /// The encoded batch, shared by every attempt.
    pub body: Arc<[u8]>,
}

impl fmt::Debug for Parcel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parcel")
            .field("id", &self.id)
            .field("events", &self.events)
            .field("compression", &self.compression)
            .field("bytes", &self.body.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_back_from_its_digits() {
        let id = ParcelId::new(0xfeed, 7);
        assert_eq!(id.to_string(), "000000000000feed0000000000000007");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!((id.start(), id.number()), (0xfeed, 7));
        assert!("7".parse::<ParcelId>().is_err());
    }

    #[test]
    fn compressions_are_known_by_their_http_names() {
        for compression in [Compression::None, Compression::Zstd] {
            assert_eq!(Compression::from_name(compression.as_str()), Some(compression));
        }
        assert_eq!(Compression::from_name("br"), None);
    }
}
