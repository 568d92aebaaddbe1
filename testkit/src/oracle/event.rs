//! What the oracle knows of one event: its place in a sequence, the mark we gave it, and a digest of what it says.

use std::fmt;

/// A place in a sequence, as the product gives it: instance, lane, number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The start of a bus, 64 random bits.
    pub instance: u64,
    /// The publishing thread's lane.
    pub lane: u16,
    /// The number within the lane, from 1; 48 bits.
    pub seq: u64,
}

impl Key {
    /// From the 128 bits of an identity: 64 of instance, 16 of lane, 48 of number.
    pub const fn from_bits(bits: u128) -> Self {
        Key { instance: (bits >> 64) as u64, lane: (bits >> 48) as u16, seq: bits as u64 & ((1 << 48) - 1) }
    }

    /// From an identity as it is printed: 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 32).then(|| u128::from_str_radix(text, 16).ok()).flatten().map(Key::from_bits)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:04x}{:012x}", self.instance, self.lane, self.seq)
    }
}

/// The publisher's own mark of one attempt; travels in the event, so that an event is known even where the publisher
/// died before it heard its identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag {
    /// One publishing thread in one life of the process.
    pub stream: u32,
    /// The attempt's number in its stream, ascending in publish order.
    pub number: u64,
}

impl Tag {
    /// From its text, `stream.number`.
    pub fn parse(text: &str) -> Option<Self> {
        let (stream, number) = text.split_once('.')?;
        Some(Tag { stream: stream.parse().ok()?, number: number.parse().ok()? })
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.stream, self.number)
    }
}

/// What an event says, as far as the oracle compares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// What was checked.
    pub action: String,
    /// Who.
    pub actor: String,
    /// The attribute `body`.
    pub body: String,
}

impl Content {
    /// What the publisher of a fault test sends under `tag`: made from the tag alone, `body_bytes` long.
    pub fn of(tag: Tag, body_bytes: usize) -> Self {
        const WORDS: [&str; 8] = ["oak", "elm", "ash", "fir", "yew", "box", "fig", "bay"];
        let mut bits = tag.number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(tag.stream);
        let mut body = String::with_capacity(body_bytes + 4);
        while body.len() < body_bytes {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            body.push_str(WORDS[(bits >> 61) as usize]);
            body.push(' ');
        }
        body.truncate(body_bytes);
        Content { action: "fault.probe".into(), actor: format!("user-{tag}"), body }
    }

    /// FNV-1a over all of it, with separators.
    pub fn digest(&self) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for part in [&self.action, &self.actor, &self.body] {
            for byte in part.bytes().chain([0xff]) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        hash
    }
}
