//! What the handler's thread and the sender's thread share.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use veribus_core::{Account, InstanceId, LossReason, LossRecord, Source};

use super::accounts::{Accounts, parts};
use super::error::ForwardError;
use super::health::ForwardWatch;
use super::reader::Chunk;
use super::spool::{Encoded, Room, Spool};

/// The sender stops sending so long before the deadline of a close, or a tenth of what is left, to end in order.
const TO_END_IN: Duration = Duration::from_millis(100);
/// What is in its hands then may take a moment longer.
const GRACE: Duration = Duration::from_millis(50);

/// What waits to be sent but is in no spool, and whether to end.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// Losses and lane marks: they go ahead of events.
    pub(crate) ahead: Accounts,
    /// Those of them that the spool has no room for: they are written down later.
    unwritten: Accounts,
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
        for part in parts(account) {
            // First for the sender, then for the disk: what is read from the disk is always on its way already.
            self.waiting().ahead.add(part.clone());
            let Some(spool) = spool else { continue };
            if !self.waiting().unwritten.is_empty() || !self.is_written(&part, spool, Room::Plenty) {
                self.waiting().unwritten.add(part);
            }
        }
        self.wake();
    }

    /// Writes down what the spool had no room for, as far as there is `room` now. What is not written is told as long
    /// as this process lives, and a hole without an explanation afterwards.
    pub(crate) fn write_down(&self, room: Room) {
        let Some(spool) = &self.spool else { return };
        let mut unwritten = std::mem::take(&mut self.waiting().unwritten);
        while let Some(account) = unwritten.take() {
            if !self.is_written(&account, spool, room) {
                unwritten.put_back(account);
                break;
            }
        }
        let mut waiting = self.waiting();
        let later = std::mem::replace(&mut waiting.unwritten, unwritten);
        later.into_iter().for_each(|account| waiting.unwritten.add(account));
    }

    fn is_written(&self, account: &Account, spool: &Spool, room: Room) -> bool {
        match spool.append_account(account, room) {
            Ok(()) => true,
            Err(ForwardError::SpoolFull { .. }) => false,
            Err(error) => {
                self.watch.update(|health| health.last_error = Some(error.to_string()));
                false
            }
        }
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
        self.tell(Account { instance, losses, lanes: Vec::new() }, spool);
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
