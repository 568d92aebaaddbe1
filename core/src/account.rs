//! What a bus says about the numbers it gave: which of them were lost and why, and how far each lane has come.
//!
//! A hole in a lane's sequence is either explained by a [`LossRecord`] or a fault. The [`LaneMark`]s bound what is not
//! known yet: after a crash, what is missing below a mark was in memory.

use crate::event::{InstanceId, Timestamp};
use crate::loss::LossReason;

/// Events of one lane that were lost for one reason.
///
/// Coalesced: `count` of the numbers from `first_seq` to `last_seq` were lost, all of them if
/// `count = last_seq - first_seq + 1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LossRecord {
    /// The lane.
    pub lane: u16,
    /// Why.
    pub reason: LossReason,
    /// The first number lost.
    pub first_seq: u64,
    /// The last number lost.
    pub last_seq: u64,
    /// How many; at least 1.
    pub count: u64,
    /// When the first was lost.
    pub first_at: Timestamp,
    /// When the last was lost.
    pub last_at: Timestamp,
}

/// How far a lane has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LaneMark {
    /// The lane.
    pub lane: u16,
    /// The number that its next event will have: all below were given.
    pub next_seq: u64,
}

/// What a handler is told about numbers, see [`EventHandler::account`](crate::EventHandler::account).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The bus start whose numbers these are.
    pub instance: InstanceId,
    /// What this handler will never be given, since the last account.
    pub losses: Vec<LossRecord>,
    /// Lanes that moved since the last account.
    pub lanes: Vec<LaneMark>,
}

impl Account {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.losses.is_empty() && self.lanes.is_empty()
    }
}
