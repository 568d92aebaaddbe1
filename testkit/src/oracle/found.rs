//! What was found after a run: stored, lost with a reason, pending, and how long a fresh event took.

use std::collections::BTreeMap;
use std::time::Duration;

use super::event::{Key, Tag};

/// One stored event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Its identity.
    pub key: Key,
    /// Our tag and the digest of its content; `None` for an event that is not one of ours.
    pub event: Option<(Tag, u64)>,
}

/// Numbers that the product says are lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// The start of the bus.
    pub instance: u64,
    /// The lane.
    pub lane: u16,
    /// The first number lost.
    pub first: u64,
    /// The last number lost.
    pub last: u64,
    /// How many of them; all, if it is `last - first + 1`.
    pub count: u64,
    /// Why, in the product's word; [`Found::UNEXPLAINED`] where it does not know.
    pub reason: String,
}

/// What was found after a run.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// In the order of storing.
    pub stored: Vec<Stored>,
    /// What is lost, and why.
    pub lost: Vec<Lost>,
    /// Identities that wait in a spool.
    pub pending: Vec<Key>,
    /// For an instance and lane, the number that its next event would have, as far as the product knows.
    pub marks: BTreeMap<(u64, u16), u64>,
    /// How long an event took that was published after the faults had ended; `None` if it never came or none was sent.
    pub fresh: Option<Duration>,
}

impl Found {
    /// The reason of a hole that was seen and that nobody explained.
    pub const UNEXPLAINED: &'static str = "unexplained";
}
