//! The losses that a handler has not been told of yet: each number once, in bounded room.

use std::sync::Arc;

use crate::account::{Account, LaneMark, LossRecord};
use crate::event::{InstanceId, Timestamp, VerificationEvent};
use crate::loss::LossReason;

/// Records up to which every gap keeps its own; beyond, those of one lane and reason become one.
const EXACT_MAX: usize = 256;

/// Losses and lane marks on their way to a handler's `account`.
#[derive(Debug, Default)]
pub(crate) struct Book {
    losses: Vec<LossRecord>,
    lanes: Vec<LaneMark>,
}

impl Book {
    /// One number was lost.
    pub(crate) fn lose(&mut self, lane: u16, seq: u64, reason: LossReason, at: Timestamp) {
        self.add(LossRecord::of(lane, seq, reason, at));
    }

    /// These events were lost.
    pub(crate) fn lose_events(
        &mut self,
        events: &[Arc<VerificationEvent>],
        reason: LossReason,
        at: Timestamp,
    ) {
        events.iter().for_each(|event| self.lose(event.id.lane(), event.id.seq(), reason, at));
    }

    /// Joins a record to the one it continues, or, where there are many, to the last of its lane and reason.
    pub(crate) fn add(&mut self, new: LossRecord) {
        if self.losses.iter_mut().rev().any(|known| known.join(&new)) {
            return;
        }
        let crowded = self.losses.len() >= EXACT_MAX;
        let alike = |known: &&mut LossRecord| (known.lane, known.reason) == (new.lane, new.reason);
        match self.losses.iter_mut().rev().find(alike).filter(|_| crowded) {
            Some(known) => known.widen(&new),
            None => self.losses.push(new),
        }
    }

    /// How far a lane has come; the latest mark counts.
    pub(crate) fn mark(&mut self, mark: LaneMark) {
        match self.lanes.iter_mut().find(|known| known.lane == mark.lane) {
            Some(known) => known.next_seq = known.next_seq.max(mark.next_seq),
            None => self.lanes.push(mark),
        }
    }

    /// Takes over what another book holds.
    pub(crate) fn extend(&mut self, losses: &[LossRecord], lanes: &[LaneMark]) {
        losses.iter().for_each(|loss| self.add(*loss));
        lanes.iter().for_each(|mark| self.mark(*mark));
    }

    /// The losses alone.
    pub(crate) fn take_losses(&mut self) -> Vec<LossRecord> {
        std::mem::take(&mut self.losses)
    }

    /// All of it, as the bus `instance` says it.
    pub(crate) fn take(&mut self, instance: InstanceId) -> Account {
        Account { instance, losses: self.take_losses(), lanes: std::mem::take(&mut self.lanes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(lost: &[(u16, u64)]) -> Book {
        let mut book = Book::default();
        for (lane, seq) in lost {
            book.lose(*lane, *seq, LossReason::QueueFull, Timestamp::from_seconds(*seq as i64));
        }
        book
    }

    #[test]
    fn neighbours_become_one_record_and_gaps_stay() {
        let losses = book(&[(1, 3), (1, 4), (2, 5), (1, 5), (1, 9)]).take_losses();
        let ranges: Vec<_> = losses.iter().map(|l| (l.lane, l.first_seq, l.last_seq, l.count)).collect();
        assert_eq!(ranges, [(1, 3, 5, 3), (2, 5, 5, 1), (1, 9, 9, 1)]);
        assert_eq!(
            (losses[0].first_at, losses[0].last_at),
            (Timestamp::from_seconds(3), Timestamp::from_seconds(5))
        );
    }

    #[test]
    fn many_gaps_take_bounded_room_and_lose_no_count() {
        let every_second: Vec<_> = (0..10_000).map(|n| (7, n * 2)).collect();
        let losses = book(&every_second).take_losses();
        assert_eq!(losses.len(), EXACT_MAX);
        assert_eq!(losses.iter().map(|l| l.count).sum::<u64>(), 10_000);
        assert_eq!(losses.last().map(|l| l.last_seq), Some(19_998));
    }
}
