//! What the handler's thread and the sender's thread share.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use veribus_core::event::limits::{BATCH_LANES_MAX, BATCH_LOSSES_MAX};
use veribus_core::{Account, InstanceId, LossReason, LossRecord, Source};

use super::health::ForwardWatch;
use super::reader::Chunk;
use super::spool::{Encoded, Spool};

/// The sender stops sending so long before the deadline of a close, or a tenth of what is left, to end in order.
const TO_END_IN: Duration = Duration::from_millis(100);
/// What is in its hands then may take a moment longer.
const GRACE: Duration = Duration::from_millis(50);

/// What waits to be sent but is in no spool, and whether to end.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// Losses and lane marks: they go ahead of events.
    pub(crate) ahead: VecDeque<Account>,
    /// Encoded events of a forwarder without a spool.
    pub(crate) memory: VecDeque<Encoded>,
    memory_bytes: usize,
    /// Something came since the sender looked.
    news: bool,
    /// When to have ended.
    pub(crate) closing: Option<Instant>,
    ended: bool,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) spool: Option<Arc<Spool>>,
    pub(crate) source: Source,
    pub(crate) watch: ForwardWatch,
    pub(crate) memory_bytes_max: usize,
    /// Spools taken over, for a forked child to let go of.
    pub(crate) adopted: Mutex<Vec<Arc<Spool>>>,
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

impl Shared {
    pub(crate) fn new(spool: Option<Spool>, source: Source, memory_bytes_max: usize) -> Self {
        Shared {
            spool: spool.map(Arc::new),
            source,
            watch: ForwardWatch::default(),
            memory_bytes_max,
            adopted: Mutex::default(),
            waiting: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    pub(crate) fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the sender that there is something to send.
    pub(crate) fn wake(&self) {
        let mut waiting = self.waiting();
        if !waiting.news {
            waiting.news = true;
            self.changed.notify_all();
        }
    }

    /// Waits for something to send, or to end.
    pub(crate) fn wait(&self, patience: Duration) {
        let mut waiting = self.waiting();
        if !waiting.news && waiting.closing.is_none() {
            waiting = self.changed.wait_timeout(waiting, patience).unwrap_or_else(PoisonError::into_inner).0;
        }
        waiting.news = false;
    }

    /// Keeps events in memory; `false` if there is no room.
    pub(crate) fn keep(&self, events: Encoded) -> bool {
        let mut waiting = self.waiting();
        if waiting.memory_bytes + events.bytes.len() > self.memory_bytes_max {
            return false;
        }
        waiting.memory_bytes += events.bytes.len();
        let kept = events.ids.len() as u64;
        // Before anybody can send them: a quick receipt must find them counted.
        self.watch.update(|health| health.in_memory += kept);
        waiting.memory.push_back(events);
        true
    }

    /// The oldest events in memory, those of one call of the bus.
    pub(crate) fn take_memory(&self) -> Option<Chunk> {
        let mut waiting = self.waiting();
        let events = waiting.memory.pop_front()?;
        waiting.memory_bytes -= events.bytes.len();
        let instance = events.ids.first()?.instance();
        let covered = events.ids.len() as u64;
        let Encoded { ids, ends, bytes, .. } = events;
        Some(Chunk { ids, ends, events: bytes, covered, ..Chunk::empty(instance, self.source.clone()) })
    }

    /// As [`Shared::take_memory`], if that is of `instance` and at most `room` events.
    pub(crate) fn take_memory_if(&self, instance: InstanceId, room: usize) -> Option<Chunk> {
        let fits = self.waiting().memory.front().is_some_and(|events| {
            events.ids.len() <= room && events.ids.iter().all(|id| id.instance() == instance)
        });
        if fits { self.take_memory() } else { None }
    }

    /// Sends what is known of numbers ahead of events, and keeps it in `spool` until it is receipted.
    pub(crate) fn tell(&self, account: Account, spool: Option<&Spool>) {
        // First for the sender, then for the disk: what is read from the disk is always on its way already.
        ahead(&mut self.waiting().ahead, account.clone());
        if let Some(Err(error)) = spool.map(|spool| spool.append_account(&account)) {
            self.watch.update(|health| health.last_error = Some(error.to_string()));
        }
        self.wake();
    }

    /// Counts events as lost, and tells the collector.
    pub(crate) fn lose(
        &self,
        instance: InstanceId,
        reason: LossReason,
        losses: Vec<LossRecord>,
        spool: Option<&Spool>,
    ) {
        self.watch.count_lost(reason, losses.iter().map(|loss| loss.count).sum());
        for losses in losses.chunks(BATCH_LOSSES_MAX) {
            self.tell(Account { instance, losses: losses.to_vec(), lanes: Vec::new() }, spool);
        }
    }

    /// Asks the sender to end by `deadline`, and waits for its count of what is left. Once; later calls only wait.
    pub(crate) fn close(&self, deadline: Instant) {
        let now = Instant::now();
        let mut waiting = self.waiting();
        if waiting.closing.is_none() {
            let left = deadline.saturating_duration_since(now);
            waiting.closing = Some(now + left.saturating_sub(TO_END_IN.min(left / 10)));
            self.changed.notify_all();
        }
        let deadline = deadline + GRACE;
        while !waiting.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            waiting = self.changed.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The sender has ended.
    pub(crate) fn ended(&self) {
        self.waiting().ended = true;
        self.changed.notify_all();
    }
}

/// Adds an account to those that wait, to the last one where they become one: while nobody takes them, they must not
/// pile up.
fn ahead(waiting: &mut VecDeque<Account>, account: Account) {
    let Some(last) = waiting.back_mut().filter(|last| last.instance == account.instance) else {
        return waiting.push_back(account);
    };
    let has_room = last.losses.len() + account.losses.len() <= BATCH_LOSSES_MAX
        && last.lanes.len() + account.lanes.len() <= BATCH_LANES_MAX;
    if !has_room {
        return waiting.push_back(account);
    }
    for mark in account.lanes {
        match last.lanes.iter_mut().find(|known| known.lane == mark.lane) {
            Some(known) => known.next_seq = known.next_seq.max(mark.next_seq),
            None => last.lanes.push(mark),
        }
    }
    for loss in account.losses {
        let continues = |known: &&mut LossRecord| {
            (known.lane, known.reason) == (loss.lane, loss.reason)
                && known.last_seq.checked_add(1) == Some(loss.first_seq)
        };
        match last.losses.iter_mut().rev().find(continues) {
            Some(known) => {
                (known.last_seq, known.count) = (loss.last_seq, known.count + loss.count);
                known.first_at = known.first_at.min(loss.first_at);
                known.last_at = known.last_at.max(loss.last_at);
            }
            None => last.losses.push(loss),
        }
    }
}

#[cfg(test)]
mod tests {
    use veribus_core::{InstanceId, LaneMark, LossReason, Timestamp};

    use super::*;

    #[test]
    fn what_is_told_while_nobody_listens_stays_small_and_complete() {
        let mut waiting = VecDeque::new();
        for n in 0..5_000_u64 {
            let (reason, at) = (LossReason::SpoolFull, Timestamp::from_seconds(n as i64));
            let (first_seq, last_seq) = (n * 10, n * 10 + 9);
            let loss =
                LossRecord { lane: 3, reason, first_seq, last_seq, count: 10, first_at: at, last_at: at };
            let lanes = vec![LaneMark { lane: 3, next_seq: last_seq + 1 }];
            ahead(&mut waiting, Account { instance: InstanceId(7), losses: vec![loss], lanes });
        }
        assert_eq!(waiting.len(), 1);
        assert_eq!(waiting[0].lanes, [LaneMark { lane: 3, next_seq: 50_000 }]);
        let [loss] = &waiting[0].losses[..] else { panic!("one record: {:?}", waiting[0].losses) };
        assert_eq!((loss.first_seq, loss.last_seq, loss.count), (0, 49_999, 50_000));
        assert_eq!(
            (loss.first_at, loss.last_at),
            (Timestamp::from_seconds(0), Timestamp::from_seconds(4_999))
        );
    }

    #[test]
    fn no_account_grows_beyond_a_batch() {
        let mut waiting = VecDeque::new();
        for n in 0..5_000_u64 {
            let (reason, at, seq) = (LossReason::SpoolFull, Timestamp::from_seconds(0), n * 2);
            let loss = LossRecord {
                lane: 3,
                reason,
                first_seq: seq,
                last_seq: seq,
                count: 1,
                first_at: at,
                last_at: at,
            };
            ahead(&mut waiting, Account { instance: InstanceId(7), losses: vec![loss], lanes: Vec::new() });
        }
        assert!(waiting.iter().all(|account| account.losses.len() <= BATCH_LOSSES_MAX));
        assert_eq!(waiting.iter().map(|account| account.losses.len()).sum::<usize>(), 5_000);
    }
}
