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

impl LossRecord {
    /// One number that was lost.
    pub const fn of(lane: u16, seq: u64, reason: LossReason, at: Timestamp) -> LossRecord {
        LossRecord { lane, reason, first_seq: seq, last_seq: seq, count: 1, first_at: at, last_at: at }
    }

    /// Whether every number from the first to the last was lost.
    pub fn is_whole(&self) -> bool {
        self.last_seq
            .checked_sub(self.first_seq)
            .is_some_and(|others| self.count.checked_sub(1) == Some(others))
    }

    /// Takes in `next` if it says the same of the numbers right behind; whether it did. Both say it of all of theirs, so
    /// nothing that was exact becomes less so.
    pub fn join(&mut self, next: &LossRecord) -> bool {
        let continues = (self.lane, self.reason) == (next.lane, next.reason)
            && self.last_seq.checked_add(1) == Some(next.first_seq)
            && self.is_whole()
            && next.is_whole();
        if continues {
            self.widen(next);
        }
        continues
    }

    /// Says of both ranges together what each said of its own, which need not be next to each other: of how many numbers
    /// of the range, and no longer of which. For where there is no room for both.
    pub fn widen(&mut self, other: &LossRecord) {
        self.first_seq = self.first_seq.min(other.first_seq);
        self.last_seq = self.last_seq.max(other.last_seq);
        self.count += other.count;
        self.first_at = self.first_at.min(other.first_at);
        self.last_at = self.last_at.max(other.last_at);
    }
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
